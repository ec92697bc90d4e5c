-- title: One bill id on several dates
-- severity: warning
-- do: Ask the source which date is right. A bill that was delivered under a wrong date counts twice in revenue
-- runbook: bill_ids_on_several_dates
-- :restart_share = 0.5: when more than this share of the ids is on several dates, ids restart, and none is odd for that alone
-- The same bill id has bills on several dates: one bill that was delivered under two dates, and counts twice, or an id that was
-- used again. Where ids restart each day that is as it should be, and only bills that are the same but for the date are shown.
-- Bills of the future are not looked at: their date is wrong, which another check says. Neither are bills over nothing at all:
-- with amounts of 0 a bill of a wrong date is taken back.

-- Only days whose ids overlap with those of another day are read: where ids count up, there are none.
WITH days AS ( -- noqa: ST03
    SELECT known.bill_date
    FROM values_from(bill_date, bills, :since) AS known -- noqa: RF02, RF03
    WHERE known.bill_date <= :today
),

spans AS (
    SELECT
        spans.bill_date,
        spans.least AS first_id,
        spans.greatest AS last_id
    FROM spans_of(bill_id, bill_date, days, bills) AS spans -- noqa: RF02, RF03
),

overlapping AS (
    SELECT DISTINCT spans.bill_date
    FROM spans
    INNER JOIN spans AS others
        ON spans.bill_date <> others.bill_date AND spans.first_id <= others.last_id AND spans.last_id >= others.first_id
),

ids AS (
    SELECT
        bill_id,
        count(*) AS dates
    FROM bills
    WHERE
        bill_date >= :since
        AND bill_date IN (SELECT overlapping.bill_date FROM overlapping)
        AND NOT (is_nothing(product1_revenue) AND is_nothing(product2_revenue))
    GROUP BY bill_id
    HAVING count(*) > 1
),

known AS (
    SELECT
        (SELECT count(*) FROM ids) AS repeated,
        (SELECT count(*) FROM bills WHERE bill_date >= :since) - (SELECT coalesce(sum(ids.dates - 1), 0) FROM ids) AS ids
),

repeated AS (
    SELECT
        bill_id,
        bill_date,
        customer_name,
        count(*) OVER (PARTITION BY bill_id, customer_name, currency, product1_revenue, product2_revenue) AS same_bills
    FROM bills
    WHERE
        bill_date >= :since
        AND bill_date IN (SELECT overlapping.bill_date FROM overlapping)
        AND bill_id IN (SELECT ids.bill_id FROM ids)
        AND NOT (is_nothing(product1_revenue) AND is_nothing(product2_revenue))
)

SELECT
    repeated.bill_id,
    count(*) AS dates,
    min(repeated.bill_date) AS first_date,
    max(repeated.bill_date) AS last_date,
    count(DISTINCT repeated.customer_name) AS customers,
    CASE WHEN max(repeated.same_bills) > 1 THEN 'yes' ELSE 'no' END AS same_bill
FROM repeated
GROUP BY repeated.bill_id
HAVING max(repeated.same_bills) > 1 OR (SELECT known.repeated <= known.ids * :restart_share FROM known)
ORDER BY repeated.bill_id
