-- An older load is still open. Should it be published after this one, it must know that this load delivered these rows too,
-- although they did not change.
INSERT INTO :"history" (:"columns", load_id, line_no, replaced_by_load_id)
SELECT -- noqa: LT09
    :"columns",
    :load_id,
    line_no,
    NULL
FROM changes
WHERE
    bucket = 'unchanged'
    AND NOT replay
    AND EXISTS (
        SELECT 1
        FROM loads
        WHERE loads.dataset = :dataset AND loads.status IN ('staging', 'staged', 'held') AND loads.load_id < :load_id
    )
