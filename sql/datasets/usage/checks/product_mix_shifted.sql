-- title: Days with an unusual product mix
-- severity: warning
-- do: Compare with the source: dbsvc revenue --by product. Were columns swapped, or one left empty? Load the corrected file
-- runbook: product_mix_shifted
-- :points = 20: how many percentage points the share of product 1 may be away from its median
-- :min_days = 10: how many days make a median
-- The share of product 1 in the revenue of these days is far from its median of the days looked at. Columns may have been
-- swapped, or one was not filled. Days that lack a rate are not compared, nor is today. In whole USD, which is enough for a
-- comparison.
WITH sums AS (
    SELECT
        bill_date,
        currency,
        sum(whole(product1_revenue)) AS product1,
        sum(whole(product2_revenue)) AS product2
    FROM bills
    WHERE bill_date >= :since AND bill_date < :today
    GROUP BY bill_date, currency
),

in_usd AS (
    SELECT
        sums.bill_date,
        CASE
            WHEN sums.currency = 'USD' THEN sums.product1
            ELSE whole(decimal_mul(sums.product1, fx_rates.inverse_rate))
        END AS product1_usd,
        CASE
            WHEN sums.currency = 'USD' THEN sums.product2
            ELSE whole(decimal_mul(sums.product2, fx_rates.inverse_rate))
        END AS product2_usd
    FROM sums
    LEFT JOIN fx_rates ON sums.bill_date = fx_rates.rate_date AND sums.currency = fx_rates.currency
),

days AS (
    SELECT
        bill_date,
        sum(product1_usd) AS product1_usd,
        sum(product2_usd) AS product2_usd,
        -- in hundredths of a percent
        whole_div(10000 * sum(product1_usd), sum(product1_usd + product2_usd)) AS share
    FROM in_usd
    GROUP BY bill_date
    HAVING count(*) = count(product1_usd) AND sum(product1_usd + product2_usd) > 0
),

ranked AS (
    SELECT
        share,
        row_number() OVER (ORDER BY share) AS nth,
        count(*) OVER () AS days
    FROM days
),

middle AS (
    SELECT avg(share) AS share
    FROM ranked
    WHERE days >= :min_days AND 2 * nth BETWEEN days AND days + 2
)

SELECT
    days.bill_date,
    cast(days.product1_usd AS bigint) AS product1_usd,
    cast(days.product2_usd AS bigint) AS product2_usd,
    cast(round(days.share / 100.0, 1) AS double precision) AS product1_percent,
    cast(round(middle.share / 100.0, 1) AS double precision) AS median_percent
FROM days
CROSS JOIN middle
WHERE abs(days.share - middle.share) > :points * 100
ORDER BY days.bill_date
