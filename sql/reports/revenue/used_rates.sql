-- Which rate each day's bills in a currency were converted at, where it comes from, and what the provider says by now.
SELECT
    daily.bill_date AS rate_date,
    daily.currency,
    daily.bills,
    daily.amount,
    fx_rates.rate,
    daily.revenue_usd,
    fx_rates.provider,
    fx_rates.quoted_at,
    fx_rates.fetched_at,
    fx_rates.provisional,
    (
        SELECT past.rate
        FROM fx_rates_history AS past
        WHERE
            past.rate_date = fx_rates.rate_date
            AND past.currency = fx_rates.currency
            AND past.status = 'disputed'
            AND past.recorded_at > fx_rates.fetched_at
        ORDER BY past.recorded_at DESC
        LIMIT 1
    ) AS disputed_rate
FROM revenue_daily AS daily
INNER JOIN fx_rates ON daily.bill_date = fx_rates.rate_date AND daily.currency = fx_rates.currency
WHERE daily.bill_date BETWEEN :first AND :last
ORDER BY daily.bill_date, daily.currency
