-- Written down.
DROP VIEW new_events
