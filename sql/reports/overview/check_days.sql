-- How checks ended, day by day: how often each ran, and how often it found something or could not run.
SELECT
    check_name,
    cast(add_days(checked_at, 0) AS text) AS day,
    count(*) AS runs,
    sum(CASE WHEN state = 'ok' THEN 0 ELSE 1 END) AS not_ok,
    max(CASE state WHEN 'critical' THEN 3 WHEN 'unknown' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END) AS worst
FROM check_results
WHERE checked_at >= :since
GROUP BY check_name, add_days(checked_at, 0)
