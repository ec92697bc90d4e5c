-- The newest version of each replayed row.
UPDATE :"table" AS stored
SET :"assignments"
FROM deliveries AS newest
WHERE newest.is_current AND (:"stored_key") = (:"newest_key")
