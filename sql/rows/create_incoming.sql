-- Where the rows of an upsert wait, in the order they came.
CREATE TEMP TABLE :"incoming" AS
SELECT
    0 AS arrival,
    :"columns"
FROM :"table"
WHERE 1 = 0
