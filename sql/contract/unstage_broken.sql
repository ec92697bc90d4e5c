-- Records on the fast path that break a rule of the dataset's own are taken out, to be validated.
DELETE FROM :"staged"
WHERE
    load_id = :load_id
    AND line_no IN (
        SELECT :first_line + broken.line_in_chunk - 1 -- noqa: RF01
        FROM ( -- noqa: PRS
            /*:broken*/
        ) AS broken
    )
RETURNING line_no
