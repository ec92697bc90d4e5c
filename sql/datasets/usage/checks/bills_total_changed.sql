-- title: Loads whose bills no longer add up to what was delivered
-- severity: critical
-- do: Nothing of the program does this: find out who changed bills. Then restore the database from a backup
-- runbook: bills_total_changed
-- When a file is staged, the sum of its amounts in whole units is kept (control_total, currencies mixed). The bills of these
-- loads come to another sum now, or are more than the load brought: somebody else changed amounts. Looks at loads
-- published since the first day whose bills are all of that day or later, and all still there. A load that repeated what was
-- known already is left out: it has no bills of its own for that.
WITH compared AS (
    SELECT
        load_id,
        source,
        published_at,
        control_total,
        inserted + updated + superseded AS records
    FROM loads
    WHERE
        dataset = 'usage'
        AND status = 'published'
        AND published_at >= :since
        AND unchanged = 0
        AND duplicate = 0
        AND control_total IS NOT NULL
),

deliveries AS (
    SELECT
        load_id,
        whole(product1_revenue) + whole(product2_revenue) AS amount
    FROM bills
    WHERE bill_date >= :since AND load_id IN (SELECT compared.load_id FROM compared)
    UNION ALL
    SELECT
        load_id,
        whole(product1_revenue) + whole(product2_revenue)
    FROM bills_history
    WHERE
        bill_date >= :since
        AND replaced_by_load_id IS NOT NULL
        AND load_id IN (SELECT compared.load_id FROM compared)
),

found AS (
    SELECT
        load_id,
        count(*) AS records,
        sum(amount) AS total
    FROM deliveries
    GROUP BY load_id
)

SELECT
    compared.load_id,
    compared.source,
    compared.published_at,
    compared.records,
    found.records AS records_found,
    cast(compared.control_total AS bigint) AS control_total,
    cast(found.total AS bigint) AS total_found
FROM compared
INNER JOIN found ON compared.load_id = found.load_id
WHERE
    found.records > compared.records
    OR (found.records = compared.records AND found.total <> compared.control_total)
ORDER BY compared.load_id
