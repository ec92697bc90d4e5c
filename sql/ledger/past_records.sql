-- Records of a load that are not current: another line of its file superseded them, or a later load did. A history has no order
-- of loads, so it is only read when there are any.
SELECT
    line_no,
    :"key",
    replaced_by_load_id
FROM :"history"
WHERE
    load_id = :load_id
    AND replaced_by_load_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM replacements WHERE replacements.load_id = :load_id AND replacements.records > 0)
ORDER BY line_no
LIMIT :most
