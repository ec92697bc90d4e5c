-- A load is taken back: what it mended is open again, as far as its records are not pruned.
DELETE FROM reject_closings
WHERE
    state = 'mended'
    AND mended_by_load_id = :load_id
    AND EXISTS (
        SELECT 1
        FROM rejects
        WHERE rejects.load_id = reject_closings.load_id AND rejects.line_no = reject_closings.line_no
    )
