-- title: Rows that the ledger does not account for
-- severity: critical
-- do: Nothing of the program does this: find out who added or deleted rows. Then restore the database from a backup
-- runbook: rows_unaccounted
-- A table has more or fewer rows than its published loads inserted, or its history than the ledger counted as replaced: rows were
-- deleted or added behind our back. While all loads were published in their own order, and nothing was retried, a history is also
-- what they updated and superseded; but for telemetry, where the newest event wins.
WITH ledger AS (
    SELECT
        dataset,
        sum(inserted) AS inserted,
        sum(updated + superseded) AS replaced,
        sum(CASE WHEN out_of_turn THEN 1 ELSE 0 END) AS out_of_turn
    FROM loads
    WHERE status = 'published'
    GROUP BY dataset
),

replaced AS (
    SELECT
        loads.dataset,
        sum(replacements.records) AS records
    FROM replacements
    INNER JOIN loads ON replacements.load_id = loads.load_id
    GROUP BY loads.dataset
),

tables AS (
    SELECT
        'usage' AS dataset,
        'bills' AS table_name,
        count(*) AS row_count
    FROM bills
    UNION ALL
    SELECT
        'plants',
        'plants',
        count(*)
    FROM plants
    UNION ALL
    SELECT
        'inverters',
        'inverters',
        count(*)
    FROM inverters
    UNION ALL
    SELECT
        'telemetry',
        'inverter_telemetry_raw',
        count(*)
    FROM inverter_telemetry_raw
),

histories AS (
    SELECT
        'usage' AS dataset,
        'bills_history' AS table_name,
        count(replaced_by_load_id) AS row_count
    FROM bills_history
    UNION ALL
    SELECT
        'plants',
        'plants_history',
        count(replaced_by_load_id)
    FROM plants_history
    UNION ALL
    SELECT
        'inverters',
        'inverters_history',
        count(replaced_by_load_id)
    FROM inverters_history
    UNION ALL
    SELECT
        'telemetry',
        'inverter_telemetry_raw_history',
        count(replaced_by_load_id)
    FROM inverter_telemetry_raw_history
),

compared AS (
    SELECT
        tables.table_name,
        tables.row_count,
        coalesce(ledger.inserted, 0) AS expected
    FROM tables
    LEFT JOIN ledger ON tables.dataset = ledger.dataset
    UNION
    SELECT
        histories.table_name,
        histories.row_count,
        coalesce(replaced.records, 0)
    FROM histories
    LEFT JOIN replaced ON histories.dataset = replaced.dataset
    UNION
    SELECT
        histories.table_name,
        histories.row_count,
        ledger.replaced
    FROM histories
    INNER JOIN ledger ON histories.dataset = ledger.dataset
    WHERE ledger.out_of_turn = 0 AND histories.dataset <> 'telemetry'
)

SELECT
    table_name,
    expected,
    row_count AS found
FROM compared
WHERE row_count <> expected
ORDER BY table_name, expected
