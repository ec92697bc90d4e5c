-- Audit: many records contradict another record of the file, with the same key and other values. Then the key does not tell
-- them apart (several lines a bill, say), and letting the last line win would lose the others. One pair in a small file is no
-- reason, unless it is most of it; and of a small piece of a file that grows it may well be all there is. Asked when duplicates
-- have been looked for anyway, before anything is done about them: a file without duplicates pays nothing. Retried records must
-- not contradict what their load has published, either.
WITH retried AS (
    SELECT
        staged.line_no, -- noqa: RF01
        stored.line_no AS stored_line_no
    FROM :"staged" AS staged
    INNER JOIN :"table" AS stored ON (:"staged_key") = (:"stored_key")
    WHERE
        (SELECT loads.status FROM loads WHERE loads.load_id = :load_id) = 'published'
        AND stored.load_id = :load_id
        AND (:"staged_values") IS DISTINCT FROM (:"stored_values") -- noqa: PRS, LT02
),

contradicting AS (
    SELECT line_no
    FROM duplicates
    WHERE contradicts
    UNION
    SELECT line_no
    FROM retried
    UNION
    SELECT stored_line_no
    FROM retried
)

SELECT
    count(*) || ' of ' || min(loads.read) || ' records contradict another record of the file, which has the same '
    || :key_names || ' and other values; the first of them is on line ' || min(contradicting.line_no) AS finding
FROM loads
CROSS JOIN contradicting
WHERE loads.load_id = :load_id
HAVING
    count(*) > min(loads.read) * :max_contradicting_share
    AND (
        count(*) > 2
        OR (
            2 * count(*) > min(loads.read)
            AND NOT EXISTS (SELECT 1 FROM load_streams WHERE load_streams.load_id = :load_id)
        )
    )
