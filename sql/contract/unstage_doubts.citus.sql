-- Records on the fast path that break a rule which no pattern can know are taken out, to be validated.
-- Twin: they are looked for first, which OFFSET makes a step of its own. What deletes from a table of the coordinator alone by
-- what a table of every node says, Citus sends to every node.
DELETE FROM :"staged"
WHERE
    load_id = :load_id
    AND line_no IN (
        SELECT doubtful.line_no
        FROM :"staged" AS doubtful
        WHERE
            doubtful.load_id = :load_id
            AND doubtful.line_no BETWEEN :first_line AND :last_line
            AND (FALSE /*:any_doubt*/)
        OFFSET 0 -- noqa: AM09
    )
RETURNING line_no
