-- What the provider said that it does not have. Of a currency that it does not know any day counts.
SELECT
    rate_date,
    currency,
    provider,
    reason,
    recorded_at
FROM fx_unavailable
WHERE provider = :provider
ORDER BY rate_date, currency
