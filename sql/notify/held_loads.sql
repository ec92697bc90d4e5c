-- All loads that are held: a run that was killed after it held one has told nobody.
SELECT
    load_id,
    dataset,
    source,
    held_because,
    registered_at
FROM loads
WHERE status = 'held'
ORDER BY load_id
