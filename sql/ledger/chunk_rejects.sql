-- A chunk's records in quarantine from a line on, a batch of them. Chunks are ranges of lines: they lie between the chunk's first
-- line and the next chunk's.
SELECT
    line_no,
    raw_record
FROM rejects
WHERE
    load_id = :load_id
    AND line_no >= :first_line
    AND line_no < coalesce((
        SELECT min(later.first_line)
        FROM load_chunks AS later
        WHERE later.load_id = :load_id AND later.chunk_no > :chunk_no
    ), 9223372036854775807)
ORDER BY line_no
LIMIT :most
