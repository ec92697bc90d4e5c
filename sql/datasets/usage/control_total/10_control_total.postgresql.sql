-- The control total of a delivery: all its amounts added up, in whole units. trunc, for the same number on every database.
SELECT coalesce(sum(trunc(product1_revenue)) + sum(trunc(product2_revenue)), 0) AS control_total FROM :"staged"
