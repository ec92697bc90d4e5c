-- title: Rows that the ledger does not account for
-- severity: critical
-- for each: dataset
-- do: Find out who did it. Bring rows back: dbsvc ingest --again FILE, or a backup. Then accept the rest: dbsvc db reconcile
-- runbook: rows_unaccounted
-- A table has more or fewer rows than its loads inserted, less those that were taken back, or its history than the ledger counted
-- as replaced, less those that were pruned: somebody else deleted or added rows. While all loads were published in their own
-- order, and nothing was retried, a history is also what they updated and superseded; but not where the newest record wins, as
-- with telemetry.
WITH ledger AS (
    SELECT
        coalesce(sum(inserted - removed), 0) AS inserted,
        sum(CASE WHEN status = 'published' THEN updated + superseded ELSE 0 END) AS replaced,
        sum(CASE WHEN status = 'published' AND out_of_turn THEN 1 ELSE 0 END) AS out_of_turn
    FROM loads
    WHERE dataset = :dataset AND status IN ('published', 'reverted')
),

replaced AS (
    SELECT coalesce(sum(replacements.records), 0) AS records
    FROM replacements
    INNER JOIN loads ON replacements.load_id = loads.load_id
    WHERE loads.dataset = :dataset
),

pruned AS (
    SELECT coalesce(sum(pruned_history.records), 0) AS records
    FROM pruned_history
    INNER JOIN loads ON pruned_history.load_id = loads.load_id
    WHERE loads.dataset = :dataset
),

stored AS (
    SELECT count(*) AS row_count
    FROM :"table"
),

past AS (
    SELECT count(replaced_by_load_id) AS row_count
    FROM :"history"
),

accepted AS (
    SELECT
        table_name,
        sum(difference) AS difference
    FROM reconciliations
    GROUP BY table_name
),

compared AS (
    SELECT
        :table_name AS table_name,
        ledger.inserted AS expected,
        stored.row_count AS found
    FROM ledger
    CROSS JOIN stored
    UNION
    SELECT
        :history_name,
        replaced.records - pruned.records,
        past.row_count
    FROM replaced
    CROSS JOIN pruned
    CROSS JOIN past
    UNION
    SELECT
        :history_name,
        ledger.replaced - pruned.records,
        past.row_count
    FROM ledger
    CROSS JOIN pruned
    CROSS JOIN past
    WHERE ledger.out_of_turn = 0 AND NOT :has_precedence
)

SELECT
    compared.table_name,
    cast(compared.expected + coalesce(accepted.difference, 0) AS bigint) AS expected,
    compared.found
FROM compared
LEFT JOIN accepted ON compared.table_name = accepted.table_name
WHERE compared.found <> compared.expected + coalesce(accepted.difference, 0)
ORDER BY compared.table_name, expected
