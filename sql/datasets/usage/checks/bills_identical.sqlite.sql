-- title: Identical bills under different ids
-- severity: warning
-- do: Ask the source whether the customer was billed twice. If so, have the second bill delivered again with amounts of 0
-- runbook: bills_identical
-- Bills of one day, customer and currency have the very same amounts, but different ids: one bill was probably made twice, and
-- counts twice in revenue. Bills over nothing at all are not looked at.

-- Twin: a hash of one day fits into memory, one of all days does not, so PostgreSQL takes them one by one with LATERAL. SQLite
-- has none, and sorts.
SELECT
    bill_date,
    customer_name,
    currency,
    product1_revenue,
    product2_revenue,
    count(*) AS bills,
    min(bill_id) AS first_bill_id,
    max(bill_id) AS last_bill_id
FROM bills
WHERE
    bill_date >= :since
    AND NOT (product1_revenue = '0.00000000' AND product2_revenue = '0.00000000')
-- sorted by what differs most
GROUP BY bill_date, product1_revenue, product2_revenue, customer_name, currency
HAVING count(*) > 1
ORDER BY bill_date, first_bill_id
