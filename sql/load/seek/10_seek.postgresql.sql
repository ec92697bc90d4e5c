-- A few staged rows seek theirs among the stored ones by the key, instead of reading all that is stored. The planner would do so
-- by itself, but reckons that each of them asks every month. One in thirty is few: there both take about as long. By the sizes
-- of the tables, for of what was just loaded nobody has counted the rows yet.
SELECT set_config('enable_hashjoin', 'off', TRUE) AS by_key
FROM (
    SELECT
        sum(pg_relation_size(tables.oid)) FILTER (WHERE tables.is_staged) AS staged,
        sum(pg_relation_size(tables.oid)) FILTER (WHERE NOT tables.is_staged) AS stored
    FROM (
        SELECT
            pg_class.oid,
            coalesce(pg_inherits.inhparent, pg_class.oid) = to_regclass(quote_ident(:staged_name)) AS is_staged
        FROM pg_class
        LEFT JOIN pg_inherits ON pg_class.oid = pg_inherits.inhrelid
        WHERE
            pg_class.relkind = 'r'
            AND coalesce(pg_inherits.inhparent, pg_class.oid)
            IN (to_regclass(quote_ident(:staged_name)), to_regclass(quote_ident(:stored_name)))
    ) AS tables
) AS sizes
WHERE staged * 30 < stored
