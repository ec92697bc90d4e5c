-- Good records.
-- count: staged
INSERT INTO :"staged" (load_id, line_no, plant_id, name, location, timezone)
SELECT
    :load_id,
    :first_line + line_in_chunk - 1,
    plant_id,
    name,
    location,
    timezone
FROM :"landed"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
