-- How many records went where.
SELECT
    bucket,
    count(*) AS records
FROM verdicts
GROUP BY bucket
