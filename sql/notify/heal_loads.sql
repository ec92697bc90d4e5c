-- Loads that nothing holds any more: they were released, discarded or published, or are taken back.
UPDATE notices SET state = 'ok', changed_at = :changed_at
WHERE
    receiver = :receiver
    AND kind = 'load'
    AND state = 'held'
    AND NOT EXISTS (
        SELECT 1
        FROM loads
        WHERE loads.status = 'held' AND cast(loads.load_id AS text) = notices.subject
    )
