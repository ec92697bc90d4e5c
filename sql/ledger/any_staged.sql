-- Whether anything is left in a staging table.
SELECT 1 AS anything
FROM :"staged"
LIMIT 1
