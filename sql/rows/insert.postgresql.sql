-- Batch insert of values of any type.
-- Twin: PostgreSQL has COPY, SQLite has not.
COPY :"table" (:"columns") FROM STDIN
