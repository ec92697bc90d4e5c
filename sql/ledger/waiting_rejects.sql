-- Open rejects of a dataset that have this reason and can be validated again, the newest first.
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
    AND NOT EXISTS (
        SELECT 1
        FROM reject_closings
        WHERE reject_closings.load_id = rejects.load_id AND reject_closings.line_no = rejects.line_no
    )
ORDER BY loads.load_id DESC
LIMIT :most
