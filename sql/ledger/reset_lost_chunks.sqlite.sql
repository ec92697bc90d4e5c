-- The staging rows of a load are gone (a backup may leave them out, an operator empty the table): its chunks are staged again.
-- Twin: a crash of PostgreSQL empties unlogged tables, so staged rows are counted; SQLite's are all logged, and counting them
-- would read the whole table. What lies in place is as safe as all that is published.
UPDATE load_chunks
SET read = NULL, staged = NULL, rejected = NULL
WHERE
    load_id = :load_id
    AND staged > 0
    AND NOT EXISTS (SELECT 1 FROM :"staged")
    AND NOT EXISTS (SELECT 1 FROM loads WHERE loads.load_id = :load_id AND loads.in_place)
RETURNING chunk_no
