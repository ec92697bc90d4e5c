-- Good records, typed.
-- count: staged
INSERT INTO :"staged" (
    /*:columns*/
    load_id, line_no
)
SELECT
    /*:stored*/
    :load_id,
    :first_line + line_in_chunk - 1
FROM :"validated"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
