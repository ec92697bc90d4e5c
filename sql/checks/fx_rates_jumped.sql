-- title: Exchange rates that jumped
-- severity: warning
-- dataset: fx
-- do: Compare with another source. If the rate is wrong, ask the provider again: dbsvc fx --date D --refresh --accept
-- runbook: fx_rates_jumped
-- :percent = 10: by how many percent a rate may differ from the one before it
-- A stored rate differs much from the stored one before it, which is at most a week older. Revenue is counted with it. The
-- currency was devalued, or the provider made a mistake.

WITH steps AS (
    SELECT
        rate_date,
        currency,
        rate,
        lag(rate_date) OVER (PARTITION BY currency ORDER BY rate_date) AS date_before,
        lag(rate) OVER (PARTITION BY currency ORDER BY rate_date) AS rate_before
    FROM fx_rates
),

compared AS (
    SELECT
        *,
        -- in millionths
        cast(decimal_div(decimal_mul(rate, 1000000), rate_before, 0) AS bigint) AS ratio
    FROM steps
    WHERE rate_date >= :since AND date_before >= add_days(rate_date, -7)
)

SELECT
    rate_date,
    currency,
    rate,
    date_before,
    rate_before,
    cast(round((ratio - 1000000) / 10000.0, 1) AS double precision) AS change_percent
FROM compared
WHERE abs(ratio - 1000000) > :percent * 10000
ORDER BY rate_date, currency
