-- returns: statements
-- Twin: a table of SQLite has no partitions.
SELECT NULL AS statement
WHERE FALSE
