-- Written down.
DROP VIEW winners
