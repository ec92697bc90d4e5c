-- Reconfirmations are kept for what is older and may still come: loads that are open, and rejects that may pass. When the last of
-- these is published, discarded, dismissed or validated to be something else, history holds only what was replaced: it is the
-- same whatever the order in which loads were published.
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
    AND NOT EXISTS (
        SELECT 1
        FROM rejects
        INNER JOIN loads ON rejects.load_id = loads.load_id
        WHERE
            rejects.record_key = concat_ws(' ', :"past_key")
            AND loads.dataset = :dataset
            AND loads.status NOT IN ('discarded', 'reverted')
            AND rejects.load_id <= past.load_id
            AND NOT EXISTS (
                SELECT 1
                FROM reject_closings AS closings
                WHERE closings.load_id = rejects.load_id AND closings.line_no = rejects.line_no AND closings.state = 'dismissed'
            )
    )
