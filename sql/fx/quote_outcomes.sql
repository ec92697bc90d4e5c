-- What became of each quote, beside the rate that is used.
SELECT
    quotes.rate_date,
    quotes.currency,
    quotes.outcome,
    quotes.reason,
    quotes.rate AS quoted_rate,
    fx_rates.rate,
    fx_rates.provisional,
    coalesce(fx_rates.provider, quotes.provider) AS provider,
    fx_rates.quoted_at,
    fx_rates.fetched_at
FROM quotes
LEFT JOIN fx_rates ON quotes.rate_date = fx_rates.rate_date AND quotes.currency = fx_rates.currency
ORDER BY quotes.rate_date, quotes.currency
