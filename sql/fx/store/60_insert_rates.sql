-- Rates not stored before.
INSERT INTO fx_rates
(rate_date, currency, rate, inverse_rate, provider, quoted_at, fetched_at, provisional)
SELECT
    rate_date,
    currency,
    rate,
    inverse_rate,
    provider,
    quoted_at,
    fetched_at,
    provisional
FROM quotes
WHERE outcome = 'stored'
