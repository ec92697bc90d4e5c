-- A load with many bills a month is staged month by month, so that publish can exchange whole months. Which months it may have
-- is taken from a sample of its days; bills of any other month go to the rest, and are merged. Logged, as a part of the table
-- has to be: making it so afterwards costs more than the staging.
-- returns: statements
-- Knows both date forms of the contract. A day that cannot be is no reason to stop: the record is validated later.
-- Twin: a table of SQLite has no partitions.
-- noqa: disable=RF02, RF03
WITH sampled AS (
    SELECT
        CASE
            WHEN day ~ '^[0-9]{2}/[0-9]{2}/[0-9]{4}$' THEN substr(day, 7, 4) || '-' || substr(day, 4, 2)
            WHEN day ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN substr(day, 1, 7)
        END AS month
    FROM load_samples
    CROSS JOIN LATERAL string_to_table(load_samples.days, E'\n') AS day
    WHERE load_samples.load_id = :load_id
),

span AS (
    SELECT
        to_date(min(month), 'YYYY-MM') AS first,
        to_date(max(month), 'YYYY-MM') AS last
    FROM sampled
    WHERE substr(month, 1, 4) >= '0001' AND substr(month, 6, 2) BETWEEN '01' AND '12'
),

months AS (
    SELECT
        month::date AS first,
        (month + interval '1 month')::date AS next,
        quote_ident(:staged || to_char(month, '"_"YYYY"_"MM')) AS name
    FROM span
    CROSS JOIN LATERAL generate_series(span.first, span.last, interval '1 month') AS month
),

area AS (
    SELECT
        quote_ident(:staged) AS staged,
        quote_ident(:staged || '_rest') AS rest
),

steps AS (
    SELECT
        0 AS step,
        format('ALTER TABLE %s SET LOGGED', staged) AS statement
    FROM area
    UNION ALL
    SELECT
        1 AS step,
        format('ALTER TABLE %s RENAME TO %s', staged, rest) AS statement
    FROM area
    UNION ALL
    SELECT
        2 AS step,
        format('CREATE TABLE %s (LIKE %s) PARTITION BY RANGE (bill_date)', staged, rest) AS statement
    FROM area
    UNION ALL
    SELECT
        3 AS step,
        format('ALTER TABLE %s ATTACH PARTITION %s DEFAULT', staged, rest) AS statement
    FROM area
    UNION ALL
    -- with the month as a constraint, so that attaching it needs no look at its rows
    SELECT
        4 AS step,
        format(
            'CREATE TABLE %s (LIKE %s INCLUDING CONSTRAINTS,'
            || ' CONSTRAINT only_its_month CHECK (bill_date >= %L AND bill_date < %L))'
            || ' WITH (autovacuum_enabled = FALSE)',
            name, rest, first, next
        ) AS statement
    FROM months
    CROSS JOIN area
    UNION ALL
    SELECT
        5 AS step,
        format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', staged, name, first, next) AS statement
    FROM months
    CROSS JOIN area
)

SELECT statement
FROM steps
WHERE
    EXISTS (SELECT 1 FROM months)
    AND :records >= :month_records * (SELECT count(*) FROM months)
    -- only before anything is staged, and once
    AND NOT EXISTS (SELECT 1 FROM load_chunks WHERE load_chunks.load_id = :load_id AND load_chunks.read IS NOT NULL)
    AND EXISTS (SELECT 1 FROM pg_class WHERE pg_class.oid = to_regclass(quote_ident(:staged)) AND pg_class.relkind = 'r')
ORDER BY step
