-- Staging rows may be gone: a crash of the server empties unlogged tables, all or nothing. A chunk whose rows are not all
-- there is staged again.
WITH found AS (
    SELECT
        chunk_no,
        count(*) AS row_count
    FROM :"staged"
    GROUP BY chunk_no
),

lost AS (
    SELECT expected.chunk_no
    FROM load_chunks AS expected
    LEFT JOIN found ON expected.chunk_no = found.chunk_no
    WHERE expected.load_id = :load_id AND expected.staged <> coalesce(found.row_count, 0)
)

UPDATE load_chunks
SET read = NULL, staged = NULL, rejected = NULL
WHERE load_id = :load_id AND chunk_no IN (SELECT lost.chunk_no FROM lost)
RETURNING chunk_no
