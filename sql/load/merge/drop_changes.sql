-- Written down.
DROP TABLE changes
