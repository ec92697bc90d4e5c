-- title: Bills of loads that are not published
-- severity: critical
-- do: Nothing of the program does this: find out who added bills, or changed the ledger. Then restore the database from a backup
-- instead of: registries_orphaned
-- runbook: bills_orphaned
-- Every bill says which load it came with. The loads of these bills do not exist, or were never published: nobody knows where the
-- bills come from. Those of a load that is not published yet, and has rows in place, are none of these. Looks at what is stored,
-- where readers see published bills alone.
SELECT
    bills.load_id,
    max(loads.status) AS status,
    count(*) AS bills,
    min(bills.bill_date) AS first_day,
    max(bills.bill_date) AS last_day
FROM bills_stored AS bills
LEFT JOIN loads ON bills.load_id = loads.load_id
WHERE
    bills.bill_date >= :since
    AND bills.load_id NOT IN (
        SELECT known.load_id
        FROM loads AS known
        WHERE known.status = 'published' OR (known.in_place AND known.status IN ('staging', 'staged', 'held'))
    )
GROUP BY bills.load_id
ORDER BY bills.load_id
