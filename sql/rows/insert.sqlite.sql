-- Batch insert of values of any type, a row at a time inside one transaction.
-- Twin: PostgreSQL has COPY, SQLite has not.
INSERT INTO :"table" (:"columns") VALUES (:values)
