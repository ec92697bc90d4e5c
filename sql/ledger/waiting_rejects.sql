-- Rejects of a dataset that have this reason and can be validated again, the newest first.
SELECT
    rejects.load_id,
    loads.header,
    rejects.raw_record
FROM loads
INNER JOIN rejects ON loads.load_id = rejects.load_id
WHERE
    loads.dataset = :dataset
    AND loads.rejected > 0
    AND loads.status IN ('held', 'published')
    AND ' ' || rejects.reasons || ' ' LIKE '% ' || :reason || ' %'
ORDER BY loads.load_id DESC
LIMIT :most
