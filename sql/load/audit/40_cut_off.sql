-- Audit: the last line lacks its line end, which an editor may have left out; but its record is rejected, or its last field is
-- shorter than in the lines before. Then the file was cut off while it was sent, and nobody knows what else it held.
SELECT
    'the file ends within line ' || load_endings.last_line || ': it may be cut off, for that line has no line end, and '
    || CASE
        WHEN rejects.reasons IS NULL THEN 'its last field is shorter than in the lines before'
        ELSE 'is rejected (' || rejects.reasons || ')'
    END AS finding
FROM load_endings
LEFT JOIN rejects ON load_endings.load_id = rejects.load_id AND load_endings.last_line = rejects.line_no
WHERE
    load_endings.load_id = :load_id
    AND (rejects.reasons IS NOT NULL OR load_endings.last_decimals < load_endings.usual_decimals)
