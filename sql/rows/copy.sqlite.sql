-- Bulk copy of rows. SQLite has no COPY; many rows a statement come closest.
-- Twin: PostgreSQL has COPY, SQLite has not.
INSERT INTO :"table" (:"columns") VALUES :rows
