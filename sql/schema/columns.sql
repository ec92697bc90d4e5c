-- The columns of a table, and whether a row needs a value in each.
SELECT
    columns.column_name,
    columns.is_required
FROM columns_of(:table) AS columns
ORDER BY columns.column_name
