-- The loser is kept: lines of this file that another line of it superseded.
INSERT INTO :"history" (:"columns", load_id, line_no, replaced_by_load_id)
SELECT -- noqa: LT09
    :"columns",
    :load_id,
    line_no,
    :load_id
FROM :"staged"
WHERE line_no IN (SELECT duplicates.line_no FROM duplicates WHERE duplicates.bucket = 'superseded')
