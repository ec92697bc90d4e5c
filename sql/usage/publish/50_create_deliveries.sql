-- The deliveries of the bills to replay, with what each turns out to be.
CREATE TEMP TABLE deliveries AS
SELECT
    bill_date,
    bill_id,
    customer_name,
    currency,
    product1_revenue,
    product2_revenue,
    load_id,
    line_no,
    load_id AS replaced_by_load_id,
    1 = 1 AS is_current
FROM bills
WHERE 1 = 0
