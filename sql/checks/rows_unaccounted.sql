-- title: Rows that the ledger does not account for
-- severity: critical
-- do: Nothing of the program does this: find out who added or deleted rows. Then restore the database from a backup
-- runbook: rows_unaccounted
-- A table has more or fewer rows than its published loads inserted, or its history than they replaced: rows were deleted or added
-- behind our back. A history is only counted while loads were published in their own order: else some of it may rightly be gone.
WITH ledger AS (
    SELECT
        dataset,
        sum(inserted) AS inserted,
        sum(updated + superseded) AS replaced
    FROM loads
    WHERE status = 'published'
    GROUP BY dataset
),

ordered AS (
    SELECT
        dataset,
        published_at,
        max(published_at) OVER (PARTITION BY dataset ORDER BY load_id) AS latest
    FROM loads
    WHERE status = 'published'
),

counted AS (
    SELECT
        'usage' AS dataset,
        'bills' AS table_name,
        FALSE AS is_history,
        count(*) AS row_count
    FROM bills
    UNION ALL
    SELECT
        'plants',
        'plants',
        FALSE,
        count(*)
    FROM plants
    UNION ALL
    SELECT
        'inverters',
        'inverters',
        FALSE,
        count(*)
    FROM inverters
    UNION ALL
    SELECT
        'telemetry',
        'inverter_telemetry_raw',
        FALSE,
        count(*)
    FROM inverter_telemetry_raw
    UNION ALL
    SELECT
        'usage',
        'bills_history',
        TRUE,
        count(replaced_by_load_id)
    FROM bills_history
    UNION ALL
    SELECT
        'plants',
        'plants_history',
        TRUE,
        count(replaced_by_load_id)
    FROM plants_history
    UNION ALL
    SELECT
        'inverters',
        'inverters_history',
        TRUE,
        count(replaced_by_load_id)
    FROM inverters_history
),

compared AS (
    SELECT
        counted.dataset,
        counted.table_name,
        counted.is_history,
        counted.row_count,
        coalesce(CASE WHEN counted.is_history THEN ledger.replaced ELSE ledger.inserted END, 0) AS expected
    FROM counted
    LEFT JOIN ledger ON counted.dataset = ledger.dataset
)

SELECT
    table_name,
    expected,
    row_count AS found
FROM compared
WHERE
    row_count <> expected
    AND (
        NOT is_history
        OR dataset NOT IN (SELECT ordered.dataset FROM ordered WHERE ordered.published_at < ordered.latest)
    )
ORDER BY table_name
