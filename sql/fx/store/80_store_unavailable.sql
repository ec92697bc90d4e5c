-- What the provider does not have, unless the rate came from elsewhere in the meantime. Said again, it is as young as that.
INSERT INTO fx_unavailable
(rate_date, currency, provider, reason, recorded_at)
SELECT
    quotes.rate_date,
    quotes.currency,
    quotes.provider,
    quotes.reason,
    quotes.fetched_at
FROM quotes
WHERE
    quotes.outcome = 'unavailable'
    AND NOT EXISTS (
        SELECT 1
        FROM fx_rates AS stored
        WHERE stored.rate_date = quotes.rate_date AND stored.currency = quotes.currency AND NOT stored.provisional
    )
ON CONFLICT (rate_date, currency, provider) DO UPDATE SET reason = excluded.reason, recorded_at = excluded.recorded_at
