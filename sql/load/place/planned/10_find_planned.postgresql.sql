-- Twin: only PostgreSQL makes plans that outlive a statement and count on what was attached.
-- Whether plans that are made now count fewer months than were attached; and the schema of the function that they count by.
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
