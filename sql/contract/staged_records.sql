-- What rules look at on the fast path: the records of a chunk as they are staged.
SELECT -- noqa: LT09
    /*:staged*/
    line_no - :first_line + 1 AS line_in_chunk
FROM :"staged"
WHERE load_id = :load_id AND line_no BETWEEN :first_line AND :last_line
