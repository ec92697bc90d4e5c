-- The newest day of what the checks look at, from which they look back.
SELECT
    'usage' AS dataset,
    max(bill_date) AS newest
FROM bills
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
