-- Loads whose quarantine can be validated again, in the order they were delivered: those with rejects that are not dismissed.
SELECT
    load_id,
    dataset
FROM loads
WHERE
    rejected > 0
    AND status IN ('held', 'published')
    AND EXISTS (
        SELECT 1
        FROM rejects
        LEFT JOIN reject_closings AS closings ON rejects.load_id = closings.load_id AND rejects.line_no = closings.line_no
        WHERE rejects.load_id = loads.load_id AND coalesce(closings.state, 'open') <> 'dismissed'
    )
ORDER BY load_id
