-- Quoted otherwise than stored: recorded, and not used. Once, however often the provider repeats it.
INSERT INTO fx_rates_history
(rate_date, currency, rate, provider, quoted_at, fetched_at, provisional, status, recorded_at)
SELECT
    quotes.rate_date,
    quotes.currency,
    quotes.rate,
    quotes.provider,
    quotes.quoted_at,
    quotes.fetched_at,
    quotes.provisional,
    quotes.outcome AS status,
    quotes.fetched_at AS recorded_at
FROM quotes
INNER JOIN fx_rates AS stored ON quotes.rate_date = stored.rate_date AND quotes.currency = stored.currency
WHERE
    quotes.outcome = 'disputed'
    AND NOT EXISTS (
        SELECT 1
        FROM fx_rates_history AS past
        WHERE
            past.rate_date = quotes.rate_date
            AND past.currency = quotes.currency
            AND past.rate = quotes.rate
            AND past.status = 'disputed'
            AND past.recorded_at > stored.fetched_at
    )
