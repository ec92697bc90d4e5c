-- The control total of a delivery: all its amounts added up, in whole units.
SELECT
    coalesce(sum(whole(product1_revenue) + whole(product2_revenue)), 0) AS control_total,
    count(*) AS records
FROM :"staged"
