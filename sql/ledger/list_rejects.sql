-- The quarantine, newest load first, in the order of the file. load_id 0 stands for every load.
SELECT
    load_id,
    source,
    line_no,
    reasons,
    raw_record,
    state,
    mended_by_load_id,
    mended_by_line_no,
    reason,
    closed_at
FROM reject_states
WHERE :load_id IN (0, load_id) AND (state = 'open' OR :with_closed)
ORDER BY load_id DESC, line_no ASC
LIMIT :most
