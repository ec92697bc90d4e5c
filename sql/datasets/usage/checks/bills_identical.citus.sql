-- title: Identical bills under different ids
-- severity: warning
-- do: Ask the source whether the customer was billed twice. If so, have the second bill delivered again with amounts of 0
-- runbook: bills_identical
-- Bills of one day, customer and currency have the very same amounts, but different ids: one bill was probably made twice, and
-- counts twice in revenue. Bills over nothing at all are not looked at.

-- Twin: each node hashes its own bills: LATERAL, which PostgreSQL uses to take days one by one, cannot be sent there.
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
    AND NOT (product1_revenue = 0 AND product2_revenue = 0)
GROUP BY bill_date, product1_revenue, product2_revenue, customer_name, currency
HAVING count(*) > 1
ORDER BY bill_date, first_bill_id
