-- Written down.
DROP TABLE added_days
