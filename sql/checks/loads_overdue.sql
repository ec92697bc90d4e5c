-- title: Expected loads that did not come
-- severity: critical
-- for each: dataset
-- do: Ask for the file, and load it: dbsvc ingest FILE
-- runbook: loads_overdue
-- :<dataset>_hours = 0: a file of <dataset> is expected within this many hours of the last; 0 for never
-- The schedule says that a file should have been published by now. It did not come, was held, or failed.
WITH latest AS (
    SELECT max(published_at) AS published_at
    FROM loads
    WHERE dataset = :dataset AND status = 'published'
)

SELECT
    :dataset AS dataset,
    :hours AS expected_every_hours,
    utc_text(published_at) AS last_published_at
FROM latest
WHERE :hours > 0 AND (published_at IS NULL OR published_at < hours_ago(:hours))
