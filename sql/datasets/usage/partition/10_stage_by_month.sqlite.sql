-- A table of SQLite has no parts that could be exchanged, so its staging area has none either.
-- returns: statements
SELECT NULL AS statement
WHERE FALSE
