-- title: Days without bills
-- severity: warning
-- dataset: usage
-- do: Ask for the file of that day, and load it: dbsvc ingest FILE
-- runbook: bill_days_missing
-- Between the first and the last bill there are days without any. A delivery may be missing. A bill of the
-- future has a wrong date, and is no last bill.
WITH days AS (
    SELECT
        bill_date,
        lead(bill_date) OVER (ORDER BY bill_date) AS next_date
    FROM (SELECT DISTINCT bill_date FROM bills WHERE bill_date BETWEEN :since AND date(:today, '+1 day')) AS known
)

SELECT
    bill_date AS last_day_before,
    next_date AS first_day_after
FROM days
WHERE next_date > date(bill_date, '+1 day')
ORDER BY bill_date
