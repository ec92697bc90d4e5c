-- What is made of parts is spread as its table is; its parts follow it.
SELECT
    create_distributed_table(
        quote_ident(:staged_name), column_to_column_name(logicalrelid, partkey), colocate_with => quote_ident(:stored_name)
    ) AS spread
FROM pg_dist_partition
WHERE logicalrelid = to_regclass(quote_ident(:stored_name)) AND partmethod = 'h'
