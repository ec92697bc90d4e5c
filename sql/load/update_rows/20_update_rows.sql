-- The newest version of each replayed row. They are named first: what lies on every node takes no temporary table, but a query's
-- rows.
WITH newest AS (SELECT * FROM deliveries WHERE is_current)

UPDATE :"table" AS stored
SET :"assignments"
FROM newest
WHERE (:"stored_key") = (:"newest_key")
