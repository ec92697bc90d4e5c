-- Rejects are validated again, some lines at once; those that still break a rule come back. Those that were dismissed stay.
DELETE FROM rejects
WHERE
    load_id = :load_id
    AND line_no BETWEEN :first_line AND :last_line
    AND line_no NOT IN (
        SELECT reject_closings.line_no
        FROM reject_closings
        WHERE
            reject_closings.load_id = :load_id
            AND reject_closings.line_no BETWEEN :first_line AND :last_line
            AND reject_closings.state = 'dismissed'
    )
