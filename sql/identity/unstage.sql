-- Strangers that are in quarantine are staged no more.
DELETE FROM :"staged"
WHERE
    line_no IN (
        SELECT strangers.line_no
        FROM strangers
        INNER JOIN rejects ON strangers.line_no = rejects.line_no
        WHERE rejects.load_id = :load_id
    )
