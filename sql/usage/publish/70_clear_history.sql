-- The history of the replayed bills is written anew.
DELETE FROM bills_history
WHERE
    (bill_date, bill_id, load_id, line_no) IN (
        SELECT
            bill_date,
            bill_id,
            load_id,
            line_no
        FROM deliveries
    )
