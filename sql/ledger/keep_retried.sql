-- Records of a published load that pass now leave the quarantine. That they were in it is kept.
INSERT INTO reject_closings (load_id, line_no, state)
SELECT
    :load_id,
    staged.line_no,
    'retried'
FROM :"staged" AS staged
WHERE TRUE
ON CONFLICT (load_id, line_no) DO UPDATE
    SET state = excluded.state, mended_by_load_id = NULL, mended_by_line_no = NULL, closed_at = excluded.closed_at
