-- What is in quarantine now is staged no more.
DELETE FROM :"staged"
WHERE
    line_no IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
