-- title: Customers that stopped
-- severity: warning
-- do: Ask whether the customer left. If not, part of a delivery is missing: load it with dbsvc ingest FILE
-- runbook: customers_stopped
-- :min_days = 5: how many days with bills make a regular customer
-- :silent_days = 7: how many days without a bill a regular customer is missed after
-- A customer who had bills on many days has none any more, while others do.

-- A day of a customer is one row: PostgreSQL would sort all bills for a count of distinct days.
WITH customer_days AS (
    SELECT
        customer_name,
        bill_date
    FROM bills
    WHERE bill_date >= :since
    GROUP BY customer_name, bill_date
)

SELECT
    customer_name,
    count(*) AS days,
    max(bill_date) AS last_bill
FROM customer_days
GROUP BY customer_name
HAVING
    count(*) >= :min_days
    AND max(bill_date) < add_days((SELECT max(newest.bill_date) FROM bills AS newest), -:silent_days)
ORDER BY last_bill, customer_name
