-- Written down.
DROP TABLE new_readings
