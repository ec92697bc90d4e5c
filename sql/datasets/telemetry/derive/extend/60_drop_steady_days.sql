-- Written down.
DROP TABLE steady_days
