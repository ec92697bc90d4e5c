-- How many records went where; what makes no difference left its row unchanged. Those inserted are counted where that is done.
SELECT
    bucket,
    count(*) AS records
FROM changes
WHERE bucket <> 'inserted'
GROUP BY bucket
UNION ALL
SELECT
    'unchanged' AS bucket,
    (SELECT count(*) FROM :"staged") - (SELECT count(*) FROM changes) AS records
