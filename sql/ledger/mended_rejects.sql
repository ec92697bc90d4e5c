-- Of which loads a load mended rejects, and how many each.
SELECT
    load_id,
    count(*) AS records
FROM reject_closings
WHERE mended_by_load_id = :load_id
GROUP BY load_id
ORDER BY load_id
