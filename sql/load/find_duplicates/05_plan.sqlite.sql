-- SQLite has no choice here: there is one way to compare, and it follows the table's key.
SELECT 1
