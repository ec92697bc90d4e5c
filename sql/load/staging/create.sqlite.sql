-- The staging area of one load: good records, normalised, as the table will hold them. Without types and constraints, which the
-- table has; keyed by line, which is the order they come in and costs nothing.
CREATE TABLE :"staged" ( -- noqa: PRS
    line_no integer PRIMARY KEY,
    load_id,
    :"columns"
)
