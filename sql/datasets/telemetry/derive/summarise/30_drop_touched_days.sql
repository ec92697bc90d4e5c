-- Written down.
DROP TABLE touched_days
