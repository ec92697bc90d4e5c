-- The newest day of what the checks look at, from which they look back. A day that has not come is no day to look back from: one
-- bill with a wrong year would hide all others.
SELECT
    'usage' AS dataset,
    max(bill_date) AS newest
FROM bills
WHERE bill_date <= current_date
UNION ALL
SELECT
    'telemetry',
    max(day)
FROM inverter_daily_summary
UNION ALL
SELECT
    'fx',
    max(rate_date)
FROM fx_rates
