-- The key is stored already: the same values leave the row unchanged (or are a duplicate, if a retried record of our own file
-- comes after its equal); other values update it, unless a later delivery came in the meantime (this load was held, or slow),
-- in which case they were superseded before they came.
INSERT INTO verdicts (line_no, bucket, replay)
SELECT
    line_no,
    CASE WHEN same AND ours THEN 'duplicate' WHEN same THEN 'unchanged' WHEN newer THEN 'superseded' ELSE 'updated' END,
    NOT same OR newer
FROM (
    SELECT
        staged.line_no, -- noqa: RF01
        (:"staged_values") IS NOT DISTINCT FROM (:"stored_values") AS same, -- noqa: PRS, LT02, RF01
        stored.load_id = :load_id AS ours,
        (stored.:"precedence", stored.load_id, stored.line_no) > (staged.:"precedence", :load_id, staged.line_no) AS newer
    FROM :"staged" AS staged
    INNER JOIN :"table" AS stored ON (:"staged_key") = (:"stored_key")
    WHERE NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.line_no = staged.line_no)
) AS known
