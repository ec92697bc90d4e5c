-- title: Identical bills under different ids
-- severity: warning
-- do: Ask the source whether the customer was billed twice. If so, have the second bill delivered again with amounts of 0
-- runbook: bills_identical
-- Bills of one day, customer and currency have the very same amounts, but different ids: one bill was probably made twice, and
-- counts twice in revenue. Bills over nothing at all are not looked at.

-- Day by day: a hash of one day fits into memory, one of all days does not.
-- Twin: a hash of one day fits into memory, one of all days does not, so PostgreSQL takes them one by one with LATERAL. SQLite
-- has none, and sorts.
SELECT
    days.bill_date,
    identical.*
FROM values_from(bill_date, bills, :since) AS days, -- noqa: RF02, RF03
    LATERAL (
        SELECT
            bills.customer_name,
            bills.currency,
            bills.product1_revenue,
            bills.product2_revenue,
            count(*) AS bills,
            min(bills.bill_id) AS first_bill_id,
            max(bills.bill_id) AS last_bill_id
        FROM bills
        WHERE
            bills.bill_date = days.bill_date
            AND NOT (bills.product1_revenue = 0 AND bills.product2_revenue = 0)
        GROUP BY bills.product1_revenue, bills.product2_revenue, bills.customer_name, bills.currency
        HAVING count(*) > 1
    ) AS identical
ORDER BY days.bill_date, identical.first_bill_id
