-- Open rejects of which it can be told whose records they are, and which a later load may have delivered since: a batch of them,
-- the newest before one first. Loads that have any are found first, for PostgreSQL would count the closings for each reject.
WITH open_loads AS MATERIALIZED (
    SELECT loads.load_id
    FROM loads
    WHERE
        loads.dataset = :dataset
        AND loads.status = 'published'
        AND loads.load_id < (
            SELECT max(later.load_id)
            FROM loads AS later
            WHERE later.dataset = :dataset AND later.status = 'published'
        )
        AND loads.rejected > (
            SELECT count(*)
            FROM reject_closings AS closings
            WHERE closings.load_id = loads.load_id AND closings.state <> 'retried'
        )
)

SELECT
    rejects.load_id,
    rejects.line_no,
    rejects.reasons,
    rejects.record_key
FROM open_loads
INNER JOIN rejects ON open_loads.load_id = rejects.load_id
WHERE
    rejects.record_key IS NOT NULL
    AND (rejects.load_id, rejects.line_no) < (:load_id, :line_no)
    AND NOT EXISTS (
        SELECT 1
        FROM reject_closings AS closings
        WHERE closings.load_id = rejects.load_id AND closings.line_no = rejects.line_no
    )
ORDER BY rejects.load_id DESC, rejects.line_no DESC
LIMIT :most
