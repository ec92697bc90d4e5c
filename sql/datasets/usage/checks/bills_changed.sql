-- title: Bills changed after they were published
-- severity: warning
-- do: Ask the source whether it meant to correct these bills. Look at the load: dbsvc loads show N
-- runbook: bills_changed
-- A later load brought other values for bills that were public already, and with them another revenue. Corrections are in order;
-- what was reported before is no longer what the database says. In USD at the bills' rates; nothing if one of them is missing.
WITH versions AS (
    SELECT
        later.load_id,
        later.source,
        later.published_at,
        past.bill_date,
        past.currency AS old_currency,
        past.product1_revenue AS old_product1,
        past.product2_revenue AS old_product2,
        coalesce(bills.currency, newer.currency) AS new_currency,
        coalesce(bills.product1_revenue, newer.product1_revenue) AS new_product1,
        coalesce(bills.product2_revenue, newer.product2_revenue) AS new_product2
    FROM bills_history AS past
    INNER JOIN loads AS later ON past.replaced_by_load_id = later.load_id
    INNER JOIN loads AS earlier ON past.load_id = earlier.load_id
    -- what replaced it is current, or was replaced itself
    LEFT JOIN bills
        ON
            past.bill_date = bills.bill_date
            AND past.bill_id = bills.bill_id
            AND past.replaced_by_load_id = bills.load_id
    LEFT JOIN bills_history AS newer
        ON
            past.bill_date = newer.bill_date
            AND past.bill_id = newer.bill_id
            AND past.replaced_by_load_id = newer.load_id
            AND newer.replaced_by_load_id <> newer.load_id
    WHERE
        past.replaced_by_load_id <> past.load_id
        AND later.published_at >= :since
        -- a load that came late, and was outdated by then, was never seen
        AND earlier.published_at <= later.published_at
),

changes AS (
    SELECT
        versions.load_id,
        versions.source,
        versions.published_at,
        versions.bill_date,
        decimal_sub(
            decimal_mul(
                decimal_add(versions.new_product1, versions.new_product2),
                CASE WHEN versions.new_currency = 'USD' THEN 1 ELSE new_rate.inverse_rate END
            ),
            decimal_mul(
                decimal_add(versions.old_product1, versions.old_product2),
                CASE WHEN versions.old_currency = 'USD' THEN 1 ELSE old_rate.inverse_rate END
            )
        ) AS change_usd
    FROM versions
    LEFT JOIN fx_rates AS old_rate ON versions.bill_date = old_rate.rate_date AND versions.old_currency = old_rate.currency
    LEFT JOIN fx_rates AS new_rate ON versions.bill_date = new_rate.rate_date AND versions.new_currency = new_rate.currency
)

SELECT
    load_id,
    source,
    published_at,
    count(*) AS bills,
    min(bill_date) AS first_day,
    max(bill_date) AS last_day,
    CASE WHEN count(*) = count(change_usd) THEN decimal_plain(decimal_sum(change_usd)) END AS change_usd
FROM changes
GROUP BY load_id, source, published_at
ORDER BY load_id
