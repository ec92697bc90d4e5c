-- How many bills of these days a load has staged.
SELECT count(*) AS bills
FROM :"staged"
WHERE bill_date BETWEEN :first AND :last
