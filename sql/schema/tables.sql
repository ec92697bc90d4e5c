-- The tables of the schema we work in.
SELECT tables.table_name
FROM our_tables() AS tables
ORDER BY tables.table_name
