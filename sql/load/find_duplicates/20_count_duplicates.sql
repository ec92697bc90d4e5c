-- How many records went where.
SELECT
    bucket,
    count(*) AS records
FROM duplicates
WHERE bucket IS NOT NULL
GROUP BY bucket
