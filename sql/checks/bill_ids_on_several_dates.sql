-- title: One bill id on several dates
-- severity: warning
-- dataset: usage
-- do: Ask the source which date is right. A bill that was delivered under a wrong date counts twice in revenue
-- runbook: bill_ids_on_several_dates
-- :restart_share = 0.5: when more than this share of the ids is on several dates, ids restart, and none is odd for that alone
-- The same bill id has bills on several dates: one bill that was delivered under two dates, and counts twice, or an id that was
-- used again. Where ids restart each day that is as it should be, and only bills that are the same but for the date are shown.
WITH ids AS (
    SELECT
        bill_id,
        count(*) AS dates
    FROM bills
    WHERE bill_date >= :since
    GROUP BY bill_id
),

known AS (
    SELECT
        count(*) AS ids,
        count(CASE WHEN dates > 1 THEN 1 END) AS repeated
    FROM ids
),

repeated AS (
    SELECT
        bill_id,
        bill_date,
        customer_name,
        count(*) OVER (PARTITION BY bill_id, customer_name, currency, product1_revenue, product2_revenue) AS same_bills
    FROM bills
    WHERE bill_date >= :since AND bill_id IN (SELECT ids.bill_id FROM ids WHERE ids.dates > 1)
)

SELECT
    repeated.bill_id,
    count(*) AS dates,
    min(repeated.bill_date) AS first_date,
    max(repeated.bill_date) AS last_date,
    count(DISTINCT repeated.customer_name) AS customers,
    CASE WHEN max(repeated.same_bills) > 1 THEN 'yes' ELSE 'no' END AS same_bill
FROM repeated
CROSS JOIN known
GROUP BY repeated.bill_id, known.repeated, known.ids
HAVING max(repeated.same_bills) > 1 OR known.repeated <= known.ids * :restart_share
ORDER BY repeated.bill_id
