-- All that is left is being staged by others. Waits for one of them: to have done it (then nothing comes back), or to have
-- died over it (then the chunk is ours).
SELECT *
FROM load_chunks
WHERE load_id = :load_id AND read IS NULL
ORDER BY chunk_no
LIMIT 1
/*:for_update*/
