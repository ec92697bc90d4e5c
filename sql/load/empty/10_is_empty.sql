-- Where a table holds nothing yet, nor its history, nothing needs to be compared: all that is staged is inserted. The row of the
-- dataset is locked, so nobody else inserts meanwhile.
SELECT 1 AS is_empty
WHERE NOT EXISTS (SELECT 1 FROM :"table") AND NOT EXISTS (SELECT 1 FROM :"history")
