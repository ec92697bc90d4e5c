-- A chunk staged again (its staging rows were lost in a crash) brings its rejects again. Chunks are ranges of lines, so a
-- chunk's rejects lie between its first line and the next chunk's.
DELETE FROM rejects
WHERE
    load_id = :load_id
    AND line_no >= :first_line
    AND line_no < coalesce((
        SELECT min(later.first_line)
        FROM load_chunks AS later
        WHERE later.load_id = :load_id AND later.chunk_no > :chunk_no
    ), 9223372036854775807)
