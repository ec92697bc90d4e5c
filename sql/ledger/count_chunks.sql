-- How far staging has come.
SELECT
    count(*) AS chunks,
    count(read) AS staged_chunks,
    coalesce(sum(read), 0) AS read,
    coalesce(sum(rejected), 0) AS rejected
FROM load_chunks
WHERE load_id = :load_id
