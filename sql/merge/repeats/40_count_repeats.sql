-- How many records went where.
SELECT
    bucket,
    count(*) AS records
FROM repeats
GROUP BY bucket
