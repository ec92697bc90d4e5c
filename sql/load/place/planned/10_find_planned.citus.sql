-- Twin: of a table that is spread, shards plan each query when it comes, with the months that are attached then.
SELECT
    datasets.months,
    pg_namespace.nspname AS schema
FROM datasets
CROSS JOIN pg_proc
INNER JOIN pg_namespace ON pg_proc.pronamespace = pg_namespace.oid
WHERE
    datasets.dataset = :dataset
    AND datasets.months > :"months_function"()
    AND pg_proc.oid = to_regproc(quote_ident(:months_function)) -- noqa: RF02
    AND NOT EXISTS (
        SELECT 1
        FROM pg_dist_partition
        WHERE pg_dist_partition.logicalrelid = to_regclass(quote_ident(:stored_name)) AND pg_dist_partition.partmethod = 'h'
    )
