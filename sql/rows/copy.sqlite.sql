-- Bulk copy of rows. SQLite has no COPY; many rows a statement come closest.
INSERT INTO :"table" (:"columns") VALUES :rows
