-- The months of a load that can be placed as they are: staged in a table of their own, which becomes a partition of the stored
-- table. Only months without a partition, for these hold no rows. Keyed ones have their key already.
SELECT
    month.relname AS month,
    :table_name || right(month.relname, 8) AS partition,
    days.first_day,
    (days.first_day + interval '1 month')::date AS next_day,
    pg_index.indexrelid IS NOT NULL AS keyed
FROM pg_inherits
INNER JOIN pg_class AS month ON pg_inherits.inhrelid = month.oid
LEFT JOIN pg_index ON month.oid = pg_index.indrelid AND pg_index.indisprimary
CROSS JOIN LATERAL to_date(right(month.relname, 7), 'YYYY_MM') AS days (first_day)
WHERE
    pg_inherits.inhparent = to_regclass(quote_ident(:staged_name))
    AND month.relname ~ '_\d{4}_\d{2}$'
    -- by the catalog's rows: to_regclass() may remember from before we waited for a lock that there was none
    AND NOT EXISTS (
        SELECT 1
        FROM pg_class AS known
        WHERE
            known.relname = :table_name || right(month.relname, 8)
            AND known.relnamespace = month.relnamespace
    )
ORDER BY month.relname
