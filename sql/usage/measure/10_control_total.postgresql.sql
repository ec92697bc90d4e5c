-- The control total of a delivery: all its amounts added up, in whole units. trunc, for the same number on every database.
-- Added to what is there, for a retry brings more records of a load that has been measured.
UPDATE loads
SET
    control_total = coalesce(control_total, 0) + (
        SELECT coalesce(sum(trunc(product1_revenue) + trunc(product2_revenue)), 0) FROM :"staged"
    )
WHERE load_id = :load_id
