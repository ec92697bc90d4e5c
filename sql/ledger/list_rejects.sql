-- The quarantine, newest load first, in the order of the file. load_id 0 stands for every load.
SELECT
    rejected.load_id,
    rejected.source,
    load_versions.version,
    rejected.line_no,
    rejected.reasons,
    rejected.raw_record,
    rejected.state,
    rejected.mended_by_load_id,
    rejected.mended_by_line_no,
    rejected.reason,
    rejected.closed_at
FROM reject_states AS rejected
LEFT JOIN load_versions ON rejected.load_id = load_versions.load_id
WHERE :load_id IN (0, rejected.load_id) AND (rejected.state = 'open' OR :with_closed)
ORDER BY rejected.load_id DESC, rejected.line_no ASC
LIMIT :most
