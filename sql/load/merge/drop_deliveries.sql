-- Written down.
DROP TABLE deliveries
