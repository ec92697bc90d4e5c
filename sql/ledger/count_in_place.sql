-- How many records of a load lie in its dataset's table already: all that were staged, but for those that still are.
SELECT
    cast((
        SELECT coalesce(sum(load_chunks.staged), 0)
        FROM load_chunks
        WHERE load_chunks.load_id = :load_id
    ) - (SELECT count(*) FROM :"staged") AS bigint) AS records
