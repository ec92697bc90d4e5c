-- The fast way to publish: a month of the table that holds no rows yet is exchanged for the load's own month, as it was staged.
-- Nothing is copied: the staged month gets its key, and becomes a partition. The key fails if it stands twice in the file, and
-- nothing is exchanged then.
-- returns: statements
-- Only months that the load was staged by, without a partition of their own, and without rows in the one for all other months.
-- Twin: a table of SQLite has no partitions.
-- noqa: disable=RF02
WITH months AS (
    SELECT
        quote_ident(:staged) AS staged,
        quote_ident(:table) AS stored,
        quote_ident(month.relname) AS month,
        quote_ident(:table || right(month.relname, 8)) AS partition,
        to_date(right(month.relname, 7), 'YYYY_MM') AS first
    FROM pg_inherits
    INNER JOIN pg_class AS month ON pg_inherits.inhrelid = month.oid
    WHERE pg_inherits.inhparent = to_regclass(quote_ident(:staged)) AND month.relname ~ '_\d{4}_\d{2}$'
),

exchanged AS (
    SELECT
        *,
        (first + interval '1 month')::date AS next
    FROM months
    WHERE
        to_regclass(partition) IS NULL
        AND NOT EXISTS (
            SELECT 1
            FROM :"table" AS stored
            WHERE
                stored.:"partition_by" >= months.first
                AND stored.:"partition_by" < months.first + interval '1 month'
        )
),

steps AS (
    SELECT
        first,
        step,
        statement
    FROM exchanged
    CROSS JOIN
        LATERAL (
            VALUES
            (1, format('ALTER TABLE %s DETACH PARTITION %s', staged, month)),
            (2, format('ALTER TABLE %s ADD PRIMARY KEY (%s)', month, :key_text::text)),
            (3, format('ALTER TABLE %s RESET (autovacuum_enabled)', month)),
            (4, format('ANALYZE %s', month)),
            (5, format(E'-- count: inserted\nSELECT count(*) AS records FROM %s', month)),
            (6, format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', stored, month, first, next)),
            (7, format('ALTER TABLE %s DROP CONSTRAINT only_its_month', month)),
            (8, format('ALTER TABLE %s RENAME TO %s', month, partition))
        ) AS step_by_step (step, statement)
)

-- Attaching waits for readers, and lets others wait: it comes last, when all months are ready.
SELECT statement
FROM (
    SELECT
        first,
        step,
        statement
    FROM steps
    UNION ALL
    -- A query that began before would not see the months, but the rest of what this transaction does. So nobody begins one.
    SELECT
        '-infinity'::date AS first,
        6 AS step,
        format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', :table::text) AS statement
    WHERE EXISTS (SELECT 1 FROM steps)
) AS all_steps
ORDER BY step >= 6, first, step
