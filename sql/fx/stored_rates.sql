-- The rates of these days. A final one is not asked for again.
SELECT
    rate_date,
    currency,
    rate,
    provisional,
    provider,
    quoted_at,
    fetched_at
FROM fx_rates
WHERE rate_date BETWEEN :first AND :last
ORDER BY rate_date, currency
