-- Records on the fast path that break a rule which no pattern can know are taken out, to be validated.
DELETE FROM :"staged"
WHERE
    load_id = :load_id
    AND line_no BETWEEN :first_line AND :last_line
    AND (FALSE /*:any_doubt*/)
RETURNING line_no
