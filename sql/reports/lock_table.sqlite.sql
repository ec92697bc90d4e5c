-- The first statement of a snapshot that reads a partitioned table. SQLite exchanges nothing: a snapshot sees what was there when
-- it began.
-- Twin: only PostgreSQL exchanges months, and only it has table locks.
SELECT 1 FROM :"table" WHERE FALSE
