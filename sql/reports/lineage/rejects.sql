-- Open rejects of a key, as far as that can be told.
SELECT
    load_id,
    source,
    line_no,
    reasons
FROM reject_states
WHERE dataset = :dataset AND record_key = :record_key AND state = 'open'
ORDER BY load_id DESC, line_no DESC
