-- The bill is known already: the same values leave it unchanged; other values update it, unless a later load has delivered it
-- in the meantime (this load was held, or slow), in which case they were superseded before they came. A later load may also
-- have done so by repeating the values it found: its repeats are in the history while this load is open.
INSERT INTO verdicts (line_no, bucket, replay)
SELECT
    line_no,
    CASE WHEN same THEN 'unchanged' WHEN newer OR repeated THEN 'superseded' ELSE 'updated' END,
    NOT same OR newer
FROM (
    SELECT
        staged.line_no,
        (staged.customer_name, staged.currency, staged.product1_revenue, staged.product2_revenue)
        = (bills.customer_name, bills.currency, bills.product1_revenue, bills.product2_revenue) AS same,
        bills.load_id > :load_id AS newer,
        EXISTS ( -- noqa: CP03, LT01, LT06
            SELECT 1
            FROM bills_history AS later
            WHERE
                later.bill_date = staged.bill_date
                AND later.bill_id = staged.bill_id
                AND later.load_id > :load_id
                AND later.replaced_by_load_id IS NULL
        ) AS repeated
    FROM :"staged" AS staged
    INNER JOIN bills ON staged.bill_date = bills.bill_date AND staged.bill_id = bills.bill_id
    WHERE NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.line_no = staged.line_no)
) AS known
