-- Records of a load that are not current: another line of its file superseded them, or a later load did.
SELECT
    line_no,
    :"key",
    replaced_by_load_id
FROM :"history"
WHERE load_id = :load_id AND replaced_by_load_id IS NOT NULL
ORDER BY line_no
LIMIT :most
