-- Where the rows of an upsert wait, in the order they came.
CREATE TEMP TABLE :"incoming" AS
SELECT -- noqa: LT09
    0 AS arrival,
    :"columns"
FROM :"table"
WHERE 1 = 0
