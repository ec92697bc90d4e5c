-- Written down.
DROP TABLE competing
