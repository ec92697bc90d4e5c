-- The control total of a delivery: all its amounts added up, in whole units. A cast of text to integer reads up to the point.
SELECT coalesce(sum(cast(product1_revenue AS integer) + cast(product2_revenue AS integer)), 0) AS control_total FROM :"staged"
