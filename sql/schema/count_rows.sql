-- How many rows a table holds.
SELECT count(*) AS row_count FROM :"table"
