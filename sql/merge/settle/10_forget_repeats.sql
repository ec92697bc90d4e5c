-- Repeats are remembered for older loads that are still open. When the last of these is published or discarded, history holds
-- only what was replaced: it is the same whatever the order in which loads were published.
DELETE FROM :"history" AS past
WHERE
    past.replaced_by_load_id IS NULL
    AND NOT EXISTS (
        SELECT 1
        FROM loads
        WHERE
            loads.dataset = :dataset
            AND loads.status IN ('staging', 'staged', 'held')
            AND loads.load_id < past.load_id
    )
