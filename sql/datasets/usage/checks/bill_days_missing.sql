-- title: Days without bills
-- severity: warning
-- do: Ask for the file of that day, and load it: dbsvc ingest FILE
-- runbook: bill_days_missing
-- Between the first and the last bill there are days without any. A delivery may be missing. A bill of the
-- future has a wrong date, and is no last bill.

-- Each day is looked up after the one before it: a DISTINCT would read all bills.
WITH RECURSIVE known AS (
    SELECT min(bill_date) AS bill_date
    FROM bills
    WHERE bill_date >= :since
    UNION ALL
    SELECT (SELECT min(bills.bill_date) FROM bills WHERE bills.bill_date > known.bill_date)
    FROM known
    WHERE known.bill_date IS NOT NULL
),

days AS (
    SELECT
        bill_date,
        lead(bill_date) OVER (ORDER BY bill_date) AS next_date
    FROM known
    WHERE bill_date <= add_days(:today, 1)
)

SELECT
    bill_date AS last_day_before,
    next_date AS first_day_after
FROM days
WHERE next_date > add_days(bill_date, 1)
ORDER BY bill_date
