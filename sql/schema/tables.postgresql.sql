-- The tables of the schema we work in, without the partitions that make them up.
SELECT relname AS table_name
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname
