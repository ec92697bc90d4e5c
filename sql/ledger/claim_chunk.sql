-- The next chunk that nobody has staged and nobody is staging. The claim is the row lock: it dies with its connection.
SELECT *
FROM load_chunks
WHERE load_id = :load_id AND read IS NULL
ORDER BY chunk_no
LIMIT 1
/*:for_update_skip_locked*/
