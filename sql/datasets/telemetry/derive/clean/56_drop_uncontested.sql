-- Written down.
DROP VIEW uncontested
