-- How many records went where.
SELECT
    bucket,
    count(*) AS records
FROM repeats
WHERE bucket IS NOT NULL
GROUP BY bucket
