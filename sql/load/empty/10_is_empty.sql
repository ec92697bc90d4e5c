-- Where a table holds nothing yet, nor its history, nothing needs to be compared: all that is staged is inserted. The row of the
-- dataset is locked, so nobody else inserts meanwhile. LIMIT is for a cluster, which gathers what EXISTS asks for.
SELECT 1 AS is_empty
WHERE NOT EXISTS (SELECT 1 FROM :"table" LIMIT 1) AND NOT EXISTS (SELECT 1 FROM :"history" LIMIT 1) -- noqa: AM09
