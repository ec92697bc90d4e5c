-- Records in quarantine, a batch of them, after one that was looked at.
SELECT
    rejects.load_id,
    rejects.line_no,
    rejects.raw_record,
    loads.header
FROM rejects
INNER JOIN loads ON rejects.load_id = loads.load_id
WHERE
    loads.dataset = :dataset
    AND rejects.load_id >= :first_load_id
    AND rejects.load_id <= :last_load_id
    AND (rejects.load_id, rejects.line_no) > (:after_load_id, :after_line_no)
ORDER BY rejects.load_id, rejects.line_no
LIMIT :most
