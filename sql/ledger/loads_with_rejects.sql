-- Loads whose quarantine can be validated again, in the order they were delivered: those with rejects that are not dismissed.
SELECT
    load_id,
    dataset
FROM loads
WHERE
    rejected > (
        SELECT count(*)
        FROM reject_closings
        WHERE reject_closings.load_id = loads.load_id AND reject_closings.state = 'dismissed'
    )
    AND status IN ('held', 'published')
ORDER BY load_id
