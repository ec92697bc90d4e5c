-- title: Loads that wait for an operator
-- severity: warning
-- do: Look: dbsvc loads show N. Then dbsvc loads release N, or dbsvc loads discard N
-- runbook: held
-- An audit held these loads back: nothing of them is published until somebody decides.
SELECT
    load_id,
    dataset,
    source,
    registered_at,
    held_because
FROM loads
WHERE status = 'held'
ORDER BY load_id
