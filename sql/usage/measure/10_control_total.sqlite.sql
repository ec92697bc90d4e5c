-- The control total of a delivery: all its amounts added up, in whole units. A cast of text to integer reads up to the point.
UPDATE loads
SET
    control_total = (
        SELECT coalesce(sum(cast(product1_revenue AS integer) + cast(product2_revenue AS integer)), 0) FROM :"staged"
    )
WHERE load_id = :load_id
