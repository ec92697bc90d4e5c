-- The newest version of each replayed row, and with it what readers see until the merge is shown.
UPDATE :"table" AS stored
SET :"assignments", since = :merge_no, before = as_it_was(stored)
FROM deliveries AS newest
WHERE newest.is_current AND (:"stored_key") = (:"newest_key")
