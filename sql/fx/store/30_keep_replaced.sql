-- The loser is kept: rates that another one replaces.
INSERT INTO fx_rates_history
(rate_date, currency, rate, provider, quoted_at, fetched_at, provisional, status, recorded_at)
SELECT
    stored.rate_date,
    stored.currency,
    stored.rate,
    stored.provider,
    stored.quoted_at,
    stored.fetched_at,
    stored.provisional,
    quotes.outcome AS status,
    quotes.fetched_at AS recorded_at
FROM quotes
INNER JOIN fx_rates AS stored ON quotes.rate_date = stored.rate_date AND quotes.currency = stored.currency
WHERE quotes.outcome = 'replaced'
