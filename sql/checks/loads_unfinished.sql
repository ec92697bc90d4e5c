-- title: Loads that were begun and never finished
-- severity: warning
-- do: Run the same command again: dbsvc ingest SOURCE. Is the file gone for good? dbsvc loads discard N
-- runbook: loads_unfinished
-- :hours = 6: how long after its registration a load is still at work
-- An instance stopped before it published these loads, and nobody went on. Nothing of them is visible.
SELECT
    loads.load_id,
    loads.dataset,
    loads.status,
    loads.source,
    loads.registered_at,
    count(load_chunks.chunk_no) AS chunks,
    count(load_chunks.read) AS staged_chunks
FROM loads
LEFT JOIN load_chunks ON loads.load_id = load_chunks.load_id
WHERE
    loads.status IN ('staging', 'staged')
    AND loads.registered_at < hours_ago(:hours)
GROUP BY loads.load_id, loads.dataset, loads.status, loads.source, loads.registered_at
ORDER BY loads.load_id
