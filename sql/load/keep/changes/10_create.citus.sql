-- What is found of each record that makes a difference. Not logged, for it does not outlive the transaction.
CREATE UNLOGGED TABLE :"kept_changes" AS
SELECT -- noqa: LT09
    line_no,
    :"columns",
    load_id AS stored_load_id,
    line_no AS stored_line_no,
    FALSE AS is_new,
    FALSE AS same,
    FALSE AS ours,
    FALSE AS newer,
    '' AS bucket,
    FALSE AS replay
FROM :"staged"
WHERE 1 = 0
