-- title: Days without bills
-- severity: warning
-- do: Ask for the file of that day, and load it: dbsvc ingest FILE
-- runbook: bill_days_missing
-- Between the first and the last bill there are days without any. A delivery may be missing. A bill of the
-- future has a wrong date, and is no last bill.

WITH days AS (
    SELECT
        known.bill_date,
        lead(known.bill_date) OVER (ORDER BY known.bill_date) AS next_date
    FROM values_from(bill_date, bills, :since) AS known -- noqa: RF02, RF03
    WHERE known.bill_date <= add_days(:today, 1)
)

SELECT
    bill_date AS last_day_before,
    next_date AS first_day_after
FROM days
WHERE next_date > add_days(bill_date, 1)
ORDER BY bill_date
