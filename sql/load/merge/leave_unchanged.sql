-- A record that leaves its row unchanged, while no older load is open, was only looked at because rejects have its key. It is
-- left out if none of these may come: a reject that is not dismissed and was delivered after what is stored, unless a
-- reconfirmation after it is written down already. This stands apart, for PostgreSQL compares on one core what asks for each row.
-- noqa: disable=RF01,RF03
DELETE FROM changes AS staged
WHERE
    staged.bucket = 'unchanged'
    AND NOT staged.replay
    AND NOT EXISTS (
        SELECT 1
        FROM loads
        WHERE loads.dataset = :dataset AND loads.status IN ('staging', 'staged', 'held') AND loads.load_id < :load_id
    )
    AND NOT EXISTS (
        SELECT 1
        FROM rejects
        INNER JOIN loads ON rejects.load_id = loads.load_id
        WHERE
            rejects.record_key = concat_ws(' ', :"staged_key")
            AND loads.dataset = :dataset
            AND loads.status NOT IN ('discarded', 'reverted')
            AND rejects.load_id <= :load_id
            AND NOT EXISTS (
                SELECT 1
                FROM reject_closings AS closings
                WHERE closings.load_id = rejects.load_id AND closings.line_no = rejects.line_no AND closings.state = 'dismissed'
            )
            AND (rejects.load_id, rejects.line_no) > (staged.stored_load_id, staged.stored_line_no)
            AND NOT EXISTS (
                SELECT 1
                FROM :"history" AS past
                WHERE
                    (:"past_key") = (:"staged_key")
                    AND past.replaced_by_load_id IS NULL
                    AND (past.load_id, past.line_no) > (rejects.load_id, rejects.line_no)
            )
    )
