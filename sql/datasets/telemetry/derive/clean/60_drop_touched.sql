-- Written down.
DROP TABLE touched
