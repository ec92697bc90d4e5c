-- Staging rows may be gone: a crash of the server empties unlogged tables, all or nothing. A chunk whose rows are not all there
-- is staged again. Rows that are staged by months are logged, and need not be counted.
-- Twin: a crash of PostgreSQL empties unlogged tables, so staged rows are counted; SQLite's are all logged, and counting them
-- would read the whole table.
UPDATE load_chunks AS expected
SET read = NULL, staged = NULL, rejected = NULL
WHERE
    expected.load_id = :load_id
    AND expected.staged > 0
    AND EXISTS (SELECT 1 FROM pg_class WHERE pg_class.oid = to_regclass(quote_ident(:staged)) AND pg_class.relpersistence = 'u')
    -- the chunks are only looked at one by one if there is one to be found
    AND (SELECT count(*) FROM :"staged") <> (SELECT sum(load_chunks.staged) FROM load_chunks WHERE load_chunks.load_id = :load_id)
    AND expected.staged <> (
        SELECT count(*)
        FROM :"staged" AS found
        WHERE
            found.line_no >= expected.first_line
            AND found.line_no < coalesce((
                SELECT min(later.first_line)
                FROM load_chunks AS later
                WHERE later.load_id = :load_id AND later.chunk_no > expected.chunk_no
            ), 9223372036854775807)
    )
RETURNING expected.chunk_no
