-- Written down.
DROP TABLE repeats
