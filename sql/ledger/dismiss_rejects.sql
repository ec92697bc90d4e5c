-- An operator has looked at open rejects of a load, and wants nothing more of them. line_no 0 stands for every line.
INSERT INTO reject_closings (load_id, line_no, state, reason)
SELECT
    load_id,
    line_no,
    'dismissed',
    :reason
FROM reject_states
WHERE load_id = :load_id AND :line_no IN (0, line_no) AND state = 'open'
ON CONFLICT (load_id, line_no) DO NOTHING
