-- The loser is kept: lines of this file that a later line of it superseded.
INSERT INTO bills_history (
    bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue,
    load_id, line_no, replaced_by_load_id
)
SELECT
    staged.bill_date,
    staged.bill_id,
    staged.customer_name,
    staged.currency,
    staged.product1_revenue,
    staged.product2_revenue,
    :load_id,
    staged.line_no,
    :load_id
FROM :"staged" AS staged
INNER JOIN verdicts ON staged.line_no = verdicts.line_no
WHERE verdicts.bucket = 'superseded' AND NOT verdicts.replay
