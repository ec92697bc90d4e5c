-- A staging table is spread as its table is, so that the two are compared where they lie; if that is on every node, by its key.
SELECT
    create_distributed_table(
        quote_ident(:staged_name),
        CASE WHEN citus_table_type = 'distributed' THEN distribution_column ELSE split_part(:key_names, ' and ', 1) END,
        colocate_with => CASE WHEN citus_table_type = 'distributed' THEN quote_ident(:stored_name) ELSE 'default' END
    ) AS spread
FROM citus_tables
WHERE table_name = to_regclass(quote_ident(:stored_name))
