-- A load's open rejects as they came, in the order of the file. Those that are mended or dismissed need nobody's correction.
SELECT raw_record
FROM rejects
WHERE
    load_id = :load_id
    AND NOT EXISTS (
        SELECT 1
        FROM reject_closings
        WHERE reject_closings.load_id = rejects.load_id AND reject_closings.line_no = rejects.line_no
    )
ORDER BY line_no
