-- Whether anything is left in a staging table.
SELECT 1 AS anything
WHERE EXISTS (SELECT 1 FROM :"staged")
