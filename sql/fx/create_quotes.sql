-- What a provider answered waits here to be judged.
CREATE TEMP TABLE quotes AS
SELECT
    rate_date,
    currency,
    rate,
    inverse_rate,
    provider,
    quoted_at,
    fetched_at,
    provisional,
    provider AS outcome
FROM fx_rates
WHERE 1 = 0
