-- How many rows carry a name.
SELECT count(*) AS records
FROM :"table"
WHERE :"column" = :name
