-- The control total of a delivery: all its amounts added up, in whole units. trunc, for the same number on every database.
UPDATE loads
SET control_total = (SELECT coalesce(sum(trunc(product1_revenue) + trunc(product2_revenue)), 0) FROM :"staged")
WHERE load_id = :load_id
