-- New events are most of a load: those that have their moment to themselves are its reading, and nothing is looked up.
CREATE TEMP VIEW new_events AS
SELECT *
FROM changes
WHERE bucket = 'inserted'
