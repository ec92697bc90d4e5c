-- The chunks that conflicts stand in. Chunks are ranges of lines: each ends before the next one begins.
SELECT *
FROM (
    SELECT
        *,
        lead(first_line, 1, 9223372036854775807) OVER (ORDER BY chunk_no) - 1 AS last_line
    FROM load_chunks
    WHERE load_id = :load_id
) AS ranges
WHERE EXISTS (SELECT 1 FROM conflicts WHERE conflicts.line_no BETWEEN ranges.first_line AND ranges.last_line)
ORDER BY chunk_no
