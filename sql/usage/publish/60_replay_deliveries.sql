-- The last delivery wins, in the order of the loads, whatever the order in which they are published: gather all deliveries of
-- a bill (the current one, those in history, ours), put them in order, and read off what each did. One that brings the values
-- of the one before it repeats it. Any other is a new version: it replaced the version before it; the last one is current.
INSERT INTO deliveries
WITH replayed AS (
    SELECT
        staged.bill_date,
        staged.bill_id,
        staged.customer_name,
        staged.currency,
        staged.product1_revenue,
        staged.product2_revenue,
        staged.line_no
    FROM :"staged" AS staged
    INNER JOIN verdicts ON staged.line_no = verdicts.line_no
    WHERE verdicts.replay
),

delivered AS (
    SELECT
        bill_date,
        bill_id,
        customer_name,
        currency,
        product1_revenue,
        product2_revenue,
        :load_id AS load_id,
        line_no
    FROM replayed
    UNION ALL
    SELECT
        bills.bill_date,
        bills.bill_id,
        bills.customer_name,
        bills.currency,
        bills.product1_revenue,
        bills.product2_revenue,
        bills.load_id,
        bills.line_no
    FROM replayed
    INNER JOIN bills ON replayed.bill_date = bills.bill_date AND replayed.bill_id = bills.bill_id
    UNION ALL
    SELECT
        past.bill_date,
        past.bill_id,
        past.customer_name,
        past.currency,
        past.product1_revenue,
        past.product2_revenue,
        past.load_id,
        past.line_no
    FROM replayed
    INNER JOIN bills_history AS past ON replayed.bill_date = past.bill_date AND replayed.bill_id = past.bill_id
    -- lines that lost within their own file do not stand for their load
    WHERE past.replaced_by_load_id IS NULL OR past.replaced_by_load_id <> past.load_id
),

ordered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY bill_date, bill_id ORDER BY load_id) AS nth
    FROM delivered
),

versions AS (
    SELECT
        this.*,
        coalesce(
            (this.customer_name, this.currency, this.product1_revenue, this.product2_revenue)
            = (before.customer_name, before.currency, before.product1_revenue, before.product2_revenue),
            FALSE
        ) AS repeats
    FROM ordered AS this
    LEFT JOIN ordered AS before
        ON this.bill_date = before.bill_date AND this.bill_id = before.bill_id AND this.nth = before.nth + 1
),

replacements AS (
    SELECT
        *,
        CASE
            WHEN NOT repeats THEN lead(load_id) OVER (PARTITION BY bill_date, bill_id, repeats ORDER BY load_id)
        END AS replaced_by_load_id
    FROM versions
)

SELECT
    bill_date,
    bill_id,
    customer_name,
    currency,
    product1_revenue,
    product2_revenue,
    load_id,
    line_no,
    replaced_by_load_id,
    NOT repeats AND replaced_by_load_id IS NULL AS is_current
FROM replacements
