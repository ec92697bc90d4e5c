-- Records of the fast path that are in doubt are asked for chunk by chunk: without an index each chunk would read all that is
-- staged. SQLite's staging table is keyed by line.
CREATE INDEX ON :"staged" (line_no)
