-- title: Bills of loads that are not published
-- severity: critical
-- do: Nothing of the program does this: find out who added bills, or changed the ledger. Then restore the database from a backup
-- instead of: registries_orphaned
-- runbook: bills_orphaned
-- Every bill says which load it came with. The loads of these bills do not exist, or were never published: nobody knows where the
-- bills come from.
SELECT
    bills.load_id,
    max(loads.status) AS status,
    count(*) AS bills,
    min(bills.bill_date) AS first_day,
    max(bills.bill_date) AS last_day
FROM bills
LEFT JOIN loads ON bills.load_id = loads.load_id
WHERE
    bills.bill_date >= :since
    AND bills.load_id NOT IN (SELECT published.load_id FROM loads AS published WHERE published.status = 'published')
GROUP BY bills.load_id
ORDER BY bills.load_id
