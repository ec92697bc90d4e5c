-- Repeats are remembered for older loads that are still open. When the last of these is published or discarded, history holds
-- only what was replaced: it is the same whatever the order in which loads were published.
DELETE FROM bills_history
WHERE
    replaced_by_load_id IS NULL
    AND NOT EXISTS (
        SELECT 1
        FROM loads
        WHERE
            loads.dataset = 'usage'
            AND loads.status IN ('staging', 'staged', 'held')
            AND loads.load_id < bills_history.load_id
    )
