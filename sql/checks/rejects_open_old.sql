-- title: Rejects that nobody has seen to
-- severity: warning
-- do: Look: dbsvc rejects show N. Correct and ingest them (dbsvc rejects export N), retry them, or dbsvc rejects dismiss N
-- runbook: rejects_open_old
-- :days = 7: how many days after its load was published a reject may be open
-- These loads have rejects that are neither mended nor retried nor dismissed, for days. What they were to bring is missing.
SELECT
    loads.load_id,
    loads.dataset,
    loads.source,
    loads.published_at,
    loads.rejected - count(closings.load_id) AS open_rejects
FROM loads
LEFT JOIN reject_closings AS closings ON loads.load_id = closings.load_id AND closings.state <> 'retried'
WHERE loads.status = 'published' AND loads.rejected > 0 AND loads.published_at < hours_ago(:days * 24)
GROUP BY loads.load_id, loads.dataset, loads.source, loads.published_at, loads.rejected
HAVING loads.rejected > count(closings.load_id)
ORDER BY loads.load_id
