-- title: Days with unusual revenue
-- severity: warning
-- do: Compare the day with the source: dbsvc revenue --by day. Part of a file missing, or a file twice? Load the right one
-- runbook: revenue_day_unusual
-- :factor = 5: how many times the usual deviation a day may be away from the median
-- :min_share = 0.5: how far away from the median, as a share of it, is worth a look
-- :min_days = 10: how many days make a median
-- The revenue of these days is far from that of the other days looked at: further than days usually are, and by much. Half a
-- file, amounts in cents, a wrong rate; or the business. Measured by medians, which a few odd days do not move. Days that lack a
-- rate are not compared, nor is today. In whole USD, which is enough for a comparison.
WITH sums AS (
    SELECT
        bill_date,
        currency,
        sum(whole(product1_revenue) + whole(product2_revenue)) AS amount
    FROM bills
    WHERE bill_date >= :since AND bill_date < :today
    GROUP BY bill_date, currency
),

in_usd AS (
    SELECT
        sums.bill_date,
        CASE
            WHEN sums.currency = 'USD' THEN sums.amount
            ELSE whole(decimal_mul(sums.amount, fx_rates.inverse_rate))
        END AS revenue_usd
    FROM sums
    LEFT JOIN fx_rates ON sums.bill_date = fx_rates.rate_date AND sums.currency = fx_rates.currency
),

days AS (
    SELECT
        bill_date,
        sum(revenue_usd) AS revenue_usd
    FROM in_usd
    GROUP BY bill_date
    HAVING count(*) = count(revenue_usd)
),

ranked AS (
    SELECT
        revenue_usd,
        row_number() OVER (ORDER BY revenue_usd) AS nth,
        count(*) OVER () AS days
    FROM days
),

middle AS (
    SELECT whole(avg(revenue_usd)) AS median_usd
    FROM ranked
    WHERE days >= :min_days AND 2 * nth BETWEEN days AND days + 2
),

apart AS (
    SELECT
        days.bill_date,
        days.revenue_usd,
        middle.median_usd,
        abs(days.revenue_usd - middle.median_usd) AS distance
    FROM days
    CROSS JOIN middle
),

ranked_apart AS (
    SELECT
        distance,
        row_number() OVER (ORDER BY distance) AS nth,
        count(*) OVER () AS days
    FROM apart
),

usual AS (
    SELECT avg(distance) AS distance
    FROM ranked_apart
    WHERE 2 * nth BETWEEN days AND days + 2
)

SELECT
    apart.bill_date,
    cast(apart.revenue_usd AS bigint) AS revenue_usd,
    cast(apart.median_usd AS bigint) AS median_usd
FROM apart
CROSS JOIN usual
WHERE
    -- 1.4826 makes a standard deviation of the median distance
    apart.distance > :factor * 1.4826 * usual.distance
    AND apart.distance >= :min_share * apart.median_usd
ORDER BY apart.bill_date
