-- The chunks of a load, each with the line after its last one.
SELECT
    *,
    coalesce(lead(first_line) OVER (ORDER BY chunk_no), 9223372036854775807) AS next_first_line
FROM load_chunks
WHERE load_id = :load_id
ORDER BY chunk_no
