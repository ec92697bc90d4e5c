-- title: Customers with unusual revenue
-- severity: warning
-- do: Ask the source whether the customer's bills of that day are right. If not, load the corrected file: dbsvc ingest FILE
-- runbook: revenue_customer_unusual
-- :factor = 5: how many times the usual deviation a day may be away from the customer's median
-- :min_share = 0.5: how far away from the median, as a share of it, is worth a look
-- :min_days = 10: how many days with bills a customer must have to be compared
-- A customer's revenue of a day is far from that of the customer's other days looked at: further than these usually are, and by
-- much. A bill twice under two ids, amounts in cents; or the business. Measured by medians, which a few odd days do not move.
-- Days that lack a rate are not compared, nor is today. In whole USD, which is enough for a comparison.

-- Twin: SQLite multiplies sums with rates, not bills, for its function is called once a row. The same on PostgreSQL takes 32 s
-- instead of 26 for a million bills: nearly each is a sum of its own.
WITH days AS (
    SELECT
        bill_date,
        customer_name,
        trunc(sum(product1_usd + product2_usd)) AS revenue_usd
    FROM bills_in_usd
    WHERE bill_date >= :since AND bill_date < :today
    GROUP BY bill_date, customer_name
    HAVING count(*) = count(rate)
),

ranked AS (
    SELECT
        customer_name,
        revenue_usd,
        row_number() OVER (PARTITION BY customer_name ORDER BY revenue_usd) AS nth,
        count(*) OVER (PARTITION BY customer_name) AS days
    FROM days
),

middle AS (
    SELECT
        customer_name,
        floor(avg(revenue_usd)) AS median_usd
    FROM ranked
    WHERE days >= :min_days AND 2 * nth BETWEEN days AND days + 2
    GROUP BY customer_name
),

apart AS (
    SELECT
        days.bill_date,
        days.customer_name,
        days.revenue_usd,
        middle.median_usd,
        abs(days.revenue_usd - middle.median_usd) AS distance
    FROM days
    INNER JOIN middle ON days.customer_name = middle.customer_name
),

ranked_apart AS (
    SELECT
        customer_name,
        distance,
        row_number() OVER (PARTITION BY customer_name ORDER BY distance) AS nth,
        count(*) OVER (PARTITION BY customer_name) AS days
    FROM apart
),

usual AS (
    SELECT
        customer_name,
        avg(distance) AS distance
    FROM ranked_apart
    WHERE 2 * nth BETWEEN days AND days + 2
    GROUP BY customer_name
)

SELECT
    apart.bill_date,
    apart.customer_name,
    cast(apart.revenue_usd AS bigint) AS revenue_usd,
    cast(apart.median_usd AS bigint) AS median_usd
FROM apart
INNER JOIN usual ON apart.customer_name = usual.customer_name
WHERE
    -- 1.4826 makes a standard deviation of the median distance
    apart.distance > :factor * 1.4826 * usual.distance
    AND apart.distance >= :min_share * apart.median_usd
ORDER BY apart.bill_date, apart.customer_name
