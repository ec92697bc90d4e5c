-- The conflicts of one chunk.
SELECT
    line_no,
    reasons,
    record_key
FROM conflicts
WHERE line_no BETWEEN :first_line AND :last_line
