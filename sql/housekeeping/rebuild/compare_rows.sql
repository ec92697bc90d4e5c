-- How many rows are other than before: added, removed or corrected.
WITH derived AS (
    SELECT *
    FROM :"table"
    WHERE (:"key") IN (SELECT * FROM rebuilt) -- noqa: RF02
),

wrong AS (
    SELECT * FROM kept
    EXCEPT
    SELECT * FROM derived
),

missing AS (
    SELECT * FROM derived
    EXCEPT
    SELECT * FROM kept
)

SELECT count(*) AS records
FROM (
    SELECT :"key" FROM wrong
    UNION
    SELECT :"key" FROM missing
) AS differing
