-- All that is left is being staged by others. On SQLite whoever holds the write lock is alone, so the next chunk is ours.
SELECT *
FROM load_chunks
WHERE load_id = :load_id AND read IS NULL
ORDER BY chunk_no
LIMIT 1
