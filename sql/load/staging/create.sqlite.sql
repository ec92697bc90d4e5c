-- The staging table of one load: good records, normalised, as the table will hold them. Without types and constraints, which the
-- table has; keyed by line, which is the order they come in and costs nothing.
-- Twin: PostgreSQL makes a table LIKE another, without a log; SQLite has no LIKE, and needs a key to number lines.
CREATE TABLE :"staged" ( -- noqa: PRS
    line_no integer PRIMARY KEY,
    load_id,
    :"columns"
)
