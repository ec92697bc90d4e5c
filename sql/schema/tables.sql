-- The tables of the schema we work in.
SELECT table_name
FROM our_tables() AS tables
ORDER BY table_name
