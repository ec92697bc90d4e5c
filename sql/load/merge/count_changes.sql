-- How many records went where; what makes no difference left its row unchanged. What is to be inserted is only *new* here: it is
-- counted where that is done. And what is left to do: records to *replay*, and those to write down as *reconfirmed*.
WITH counted AS (
    SELECT
        bucket,
        replay,
        count(*) AS records
    FROM changes
    GROUP BY bucket, replay
)

SELECT
    CASE WHEN bucket = 'inserted' THEN 'new' ELSE bucket END AS bucket,
    records
FROM counted
UNION ALL
SELECT
    'replay',
    records
FROM counted
WHERE replay
UNION ALL
SELECT
    'reconfirmed',
    records
FROM counted
WHERE bucket = 'unchanged' AND NOT replay
UNION ALL
SELECT
    'unchanged',
    (SELECT count(*) FROM :"staged") - (SELECT cast(coalesce(sum(counted.records), 0) AS bigint) FROM counted)
