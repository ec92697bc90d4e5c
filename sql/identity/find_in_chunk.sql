-- The strangers of one chunk.
SELECT
    line_no,
    reasons,
    record_key
FROM strangers
WHERE line_no BETWEEN :first_line AND :last_line
