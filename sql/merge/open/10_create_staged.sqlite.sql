-- The staging area of one load: good records, normalised, as the table will hold them. SQLite has no unlogged tables.
CREATE TABLE :"staged" AS
SELECT -- noqa: LT09
    0 AS chunk_no,
    line_no,
    :"columns"
FROM :"table"
WHERE 1 = 0
