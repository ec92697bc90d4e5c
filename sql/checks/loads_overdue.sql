-- title: Expected loads that did not come
-- severity: critical
-- do: Ask for the file, and load it: dbsvc ingest FILE
-- runbook: loads_overdue
-- :usage_hours = 0: a usage file is expected every so many hours; 0 for never
-- :plants_hours = 0: likewise a registry of plants
-- :inverters_hours = 0: likewise a registry of inverters
-- :telemetry_hours = 0: likewise telemetry
-- The schedule says that a file should have been published by now. It did not come, was held, or failed.
WITH schedule AS (
    SELECT
        'usage' AS dataset,
        :usage_hours AS hours
    UNION ALL
    SELECT
        'plants',
        :plants_hours
    UNION ALL
    SELECT
        'inverters',
        :inverters_hours
    UNION ALL
    SELECT
        'telemetry',
        :telemetry_hours
)

SELECT
    schedule.dataset,
    schedule.hours AS expected_every_hours,
    max(loads.published_at) AS last_published_at
FROM schedule
LEFT JOIN loads ON schedule.dataset = loads.dataset AND loads.status = 'published'
WHERE schedule.hours > 0
GROUP BY schedule.dataset, schedule.hours
HAVING max(loads.published_at) IS NULL OR max(loads.published_at) < hours_ago(schedule.hours)
ORDER BY schedule.dataset
