-- A chunk's records in quarantine from a line on, a batch of them, without those that an operator dismissed. One that was mended
-- may pass as well: then it is history. Chunks are ranges of lines: they lie between the chunk's first line and the next chunk's.
SELECT
    rejects.line_no,
    rejects.raw_record
FROM rejects
LEFT JOIN reject_closings AS closings ON rejects.load_id = closings.load_id AND rejects.line_no = closings.line_no
WHERE
    rejects.load_id = :load_id
    AND rejects.line_no >= :first_line
    AND rejects.line_no < coalesce((
        SELECT min(later.first_line)
        FROM load_chunks AS later
        WHERE later.load_id = :load_id AND later.chunk_no > :chunk_no
    ), 9223372036854775807)
    AND coalesce(closings.state, 'open') <> 'dismissed'
ORDER BY rejects.line_no
LIMIT :most
