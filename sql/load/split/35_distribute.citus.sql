-- What is made of parts is spread as its table is; its parts follow it.
SELECT create_distributed_table(quote_ident(:staged_name), distribution_column, colocate_with => quote_ident(:stored_name)) AS spread
FROM citus_tables
WHERE table_name = to_regclass(quote_ident(:stored_name)) AND citus_table_type = 'distributed'
