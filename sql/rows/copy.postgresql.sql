-- Bulk copy of rows in CSV: the fastest way in. An empty field is an empty text, not a missing one.
-- Twin: PostgreSQL has COPY, SQLite has not.
COPY :"table" (:"columns") FROM STDIN (FORMAT csv, FORCE_NOT_NULL (:"columns"))
