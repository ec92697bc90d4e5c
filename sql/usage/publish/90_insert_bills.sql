-- Bills not seen before. In the order of the key, so that the table grows at its end.
-- count: inserted
INSERT INTO bills (
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue, load_id, line_no
)
SELECT
    bill_date,
    bill_id,
    customer_name,
    currency,
    product1_revenue,
    product2_revenue,
    :load_id,
    line_no
FROM :"staged" AS staged
WHERE NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.line_no = staged.line_no)
ORDER BY bill_date, bill_id
