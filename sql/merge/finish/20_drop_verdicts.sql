-- Written down.
DROP TABLE verdicts
