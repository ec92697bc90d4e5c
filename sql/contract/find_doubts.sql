-- Records on the fast path that break a rule which no pattern can know: what is wrong with each column.
SELECT -- noqa: LT09
    /*:doubts*/
    line_no
FROM :"staged"
WHERE
    load_id = :load_id
    AND line_no BETWEEN :first_line AND :last_line
    AND (FALSE /*:any_doubt*/)
