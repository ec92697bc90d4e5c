-- title: Exchange rates the provider now quotes otherwise
-- severity: warning
-- dataset: fx
-- do: Decide which rate is right: dbsvc fx --date D --refresh --accept takes the new one; to keep the stored one, do nothing
-- runbook: fx_rates_disputed
-- Asked again, the provider quoted another rate than the one stored. Revenue goes on with the stored one.
SELECT
    stored.rate_date,
    stored.currency,
    stored.rate,
    quoted.rate AS quoted_rate,
    stored.fetched_at,
    quoted.recorded_at
FROM fx_rates_history AS quoted
INNER JOIN fx_rates AS stored ON quoted.rate_date = stored.rate_date AND quoted.currency = stored.currency
WHERE
    quoted.rate_date >= :since
    AND quoted.status = 'disputed'
    AND quoted.recorded_at > stored.fetched_at
ORDER BY stored.rate_date, stored.currency, quoted.recorded_at
