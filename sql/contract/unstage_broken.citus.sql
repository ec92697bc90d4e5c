-- Records on the fast path that break a rule of the dataset's own are taken out, to be validated.
-- Twin: they are looked for first, which OFFSET makes a step of its own. What deletes from a table of the coordinator alone by
-- what a table of every node says, Citus sends to every node.
DELETE FROM :"staged"
WHERE
    load_id = :load_id
    AND line_no IN (
        SELECT :first_line + broken.line_in_chunk - 1 -- noqa: RF01
        FROM ( -- noqa: PRS
            /*:broken*/
        ) AS broken
        OFFSET 0 -- noqa: AM09
    )
RETURNING line_no
