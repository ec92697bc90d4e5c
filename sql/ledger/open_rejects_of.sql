-- A load's open rejects as they came, in the order of the file, as they are exported.
SELECT
    line_no,
    reasons,
    record_key,
    raw_record
FROM reject_states
WHERE load_id = :load_id AND state = 'open'
ORDER BY line_no
