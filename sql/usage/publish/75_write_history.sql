-- The loser is kept: every delivery that is not current, with the load that replaced it.
INSERT INTO bills_history (
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue,
    load_id, line_no, replaced_by_load_id
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
    replaced_by_load_id
FROM deliveries
WHERE NOT is_current
