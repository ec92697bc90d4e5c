-- All bills of a load are staged in one table, however many they are.
-- returns: statements
-- Twin: a table of SQLite has no partitions.
SELECT NULL AS statement
WHERE FALSE
