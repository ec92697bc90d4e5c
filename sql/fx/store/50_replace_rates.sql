-- Rates that give way.
UPDATE fx_rates
SET
    rate = quotes.rate,
    inverse_rate = quotes.inverse_rate,
    provider = quotes.provider,
    quoted_at = quotes.quoted_at,
    fetched_at = quotes.fetched_at,
    provisional = quotes.provisional
FROM quotes
WHERE
    quotes.outcome = 'replaced'
    AND fx_rates.rate_date = quotes.rate_date
    AND fx_rates.currency = quotes.currency
