-- All that is staged, in the order of the file. The table's key fails if it stands twice in the file.
-- count: inserted
INSERT INTO :"table" (:"columns", load_id, line_no)
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM :"staged"
