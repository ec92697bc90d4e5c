-- How many bills of these days a load has in a table: staged, or in place.
SELECT count(*) AS bills
FROM :"staged"
WHERE load_id = :load_id AND bill_date BETWEEN :first AND :last
