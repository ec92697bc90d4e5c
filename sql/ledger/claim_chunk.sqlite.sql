-- The next chunk that nobody has staged. SQLite locks no rows; BEGIN IMMEDIATE makes the claim, and dies with its connection.
SELECT *
FROM load_chunks
WHERE load_id = :load_id AND read IS NULL
ORDER BY chunk_no
LIMIT 1
