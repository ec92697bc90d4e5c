-- Identity conflicts that are in quarantine are staged no more.
DELETE FROM :"staged"
WHERE
    line_no IN (
        SELECT conflicts.line_no
        FROM conflicts
        INNER JOIN rejects ON conflicts.line_no = rejects.line_no
        WHERE rejects.load_id = :load_id
    )
