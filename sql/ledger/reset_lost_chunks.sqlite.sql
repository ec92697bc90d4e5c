-- The staging rows of a load are gone (a backup may leave them out, an operator empty the table): its chunks are staged again.
-- Twin: a crash of PostgreSQL empties unlogged tables, so staged rows are counted; SQLite's are all logged, and counting them
-- would read the whole table.
UPDATE load_chunks
SET read = NULL, staged = NULL, rejected = NULL
WHERE
    load_id = :load_id
    AND staged > 0
    AND NOT EXISTS (SELECT 1 FROM :"staged")
RETURNING chunk_no
