-- A staging table is spread as its table is, so that the two are compared where they lie; if that is on every node, by its key.
-- Read from the catalog: the view citus_tables measures every table, and would wait for the locks that we hold on other nodes.
SELECT
    create_distributed_table(
        quote_ident(:staged_name),
        coalesce(column_to_column_name(logicalrelid, partkey), split_part(:key_names, ' and ', 1)),
        colocate_with => CASE WHEN partmethod = 'h' THEN quote_ident(:stored_name) ELSE 'default' END
    ) AS spread
FROM pg_dist_partition
WHERE logicalrelid = to_regclass(quote_ident(:stored_name))
