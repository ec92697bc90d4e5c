-- Written down.
DROP TABLE extended_days
