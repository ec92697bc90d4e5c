-- Which loads brought rows that refer to rows which are about to go, and how many.
SELECT
    load_id,
    count(*) AS records
FROM :"dependent"
WHERE
    (:"key") IN (SELECT :"key" FROM changes WHERE bucket = 'reverted') -- noqa: RF02
    AND (:"key") NOT IN (SELECT :"key" FROM deliveries WHERE is_current) -- noqa: RF02
GROUP BY load_id
ORDER BY load_id
