-- The control total of a delivery: all its amounts added up, in whole units. A cast of text to integer reads up to the point.
-- Added to what is there, for a retry brings more records of a load that has been measured.
UPDATE loads
SET
    control_total = coalesce(control_total, 0) + (
        SELECT coalesce(sum(cast(product1_revenue AS integer) + cast(product2_revenue AS integer)), 0) FROM :"staged"
    )
WHERE load_id = :load_id
