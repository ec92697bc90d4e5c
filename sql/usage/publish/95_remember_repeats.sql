-- An older load is still open. Should it be published after this one, it must know that this load delivered these bills too,
-- although they did not change.
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
    NULL
FROM :"staged" AS staged
INNER JOIN verdicts ON staged.line_no = verdicts.line_no
WHERE
    verdicts.bucket = 'unchanged'
    AND NOT verdicts.replay
    AND EXISTS (
        SELECT 1
        FROM loads
        WHERE loads.dataset = 'usage' AND loads.status IN ('staging', 'staged', 'held') AND loads.load_id < :load_id
    )
