-- title: Revenue
-- chart: columns by day; bars by currency; bars by customer
-- unit: USD
-- glance: Revenue
-- missing without_rate: bills without an exchange rate; dbsvc fx --missing
-- missing quarantined (in rejects): bills in quarantine; dbsvc rejects
-- Each day's bills at that day's rate, exactly. Bills without a rate, or in quarantine, are in no sum: what they come to is
-- unknown.

-- Whose bills come to most is told by whole units, which is fast. The amounts of a day and currency are added up before they are
-- multiplied by their rate, which gives the same: SQLite would take as long again to multiply each. The days of the quarantine
-- are read from the keys, where there are any.
WITH ranked AS MATERIALIZED (
    SELECT
        bills.customer_name,
        count(*) OVER () AS customers,
        row_number() OVER (
            ORDER BY
                sum(
                    (whole(bills.product1_revenue) + whole(bills.product2_revenue))
                    * CASE WHEN bills.currency = 'USD' THEN 1 ELSE coalesce(fx_rates.inverse_rate, 0) END
                ) DESC,
                bills.customer_name
        ) AS nth
    FROM bills
    LEFT JOIN fx_rates ON bills.bill_date = fx_rates.rate_date AND bills.currency = fx_rates.currency
    WHERE bills.bill_date BETWEEN :since AND :until
    GROUP BY bills.customer_name
),

chosen AS (
    SELECT
        bill_date,
        currency,
        CASE WHEN customer_name IN (SELECT ranked.customer_name FROM ranked WHERE ranked.nth <= :most) THEN customer_name END
            AS customer,
        product1_revenue,
        product2_revenue
    FROM bills
    WHERE bill_date BETWEEN :since AND :until
),

sums AS (
    SELECT
        bill_date,
        currency,
        customer,
        count(*) AS bills,
        decimal_add(decimal_sum(product1_revenue), decimal_sum(product2_revenue)) AS amount
    FROM chosen
    GROUP BY bill_date, currency, customer
),

closed AS (
    SELECT count(*) AS bills
    FROM reject_closings
    INNER JOIN loads ON reject_closings.load_id = loads.load_id
    WHERE loads.dataset = 'usage' AND loads.status NOT IN ('discarded', 'reverted') AND reject_closings.state <> 'retried'
),

told AS (
    SELECT
        substr(rejects.record_key, 1, 10) AS day,
        count(*) AS bills
    FROM rejects
    INNER JOIN loads ON rejects.load_id = loads.load_id
    LEFT JOIN reject_closings AS closings ON rejects.load_id = closings.load_id AND rejects.line_no = closings.line_no
    WHERE
        loads.dataset = 'usage'
        AND loads.status NOT IN ('discarded', 'reverted')
        AND rejects.record_key IS NOT NULL
        AND closings.load_id IS NULL
    GROUP BY substr(rejects.record_key, 1, 10)
),

held_back AS (
    SELECT coalesce(sum(load_chunks.rejected), 0) AS bills
    FROM loads
    INNER JOIN load_chunks ON loads.load_id = load_chunks.load_id
    WHERE loads.dataset = 'usage' AND loads.status NOT IN ('discarded', 'reverted')
),

untold AS (
    SELECT
        (SELECT held_back.bills FROM held_back)
        - (SELECT closed.bills FROM closed)
        - (SELECT coalesce(sum(told.bills), 0) FROM told) AS bills
)

SELECT
    cast(sums.bill_date AS text) AS day,
    sums.currency,
    sums.customer,
    CASE WHEN sums.customer IS NULL THEN (SELECT max(ranked.customers) - :most FROM ranked) END AS others,
    sums.bills,
    CASE WHEN sums.currency = 'USD' THEN sums.amount ELSE decimal_mul(sums.amount, fx_rates.inverse_rate) END AS value,
    CASE WHEN sums.currency = 'USD' OR fx_rates.rate IS NOT NULL THEN 0 ELSE sums.bills END AS without_rate,
    0 AS quarantined
FROM sums
LEFT JOIN fx_rates ON sums.bill_date = fx_rates.rate_date AND sums.currency = fx_rates.currency
UNION ALL
SELECT
    told.day,
    NULL,
    NULL,
    NULL,
    0,
    NULL,
    0,
    told.bills
FROM told
WHERE told.day BETWEEN cast(:since AS text) AND cast(:until AS text)
UNION ALL
SELECT
    NULL,
    NULL,
    NULL,
    NULL,
    0,
    NULL,
    0,
    cast(untold.bills AS bigint)
FROM untold
WHERE untold.bills > 0
