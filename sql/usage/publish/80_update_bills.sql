-- The newest version of each replayed bill.
UPDATE bills
SET
    customer_name = newest.customer_name,
    currency = newest.currency,
    product1_revenue = newest.product1_revenue,
    product2_revenue = newest.product2_revenue,
    load_id = newest.load_id,
    line_no = newest.line_no
FROM deliveries AS newest
WHERE
    newest.is_current
    AND bills.bill_date = newest.bill_date
    AND bills.bill_id = newest.bill_id
