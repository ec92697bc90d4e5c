-- The months of staged rows that have no partition to go to. Days first: each is looked at once, however many rows it has.
WITH days AS MATERIALIZED (
    SELECT DISTINCT :"partition_by" AS day
    FROM :"staged"
)

SELECT
    months.first_day,
    (months.first_day + interval '1 month')::date AS next_day,
    :table_name || to_char(months.first_day, '"_"YYYY"_"MM') AS partition
FROM (SELECT DISTINCT date_trunc('month', days.day)::date AS first_day FROM days) AS months
WHERE to_regclass(quote_ident(:table_name || to_char(months.first_day, '"_"YYYY"_"MM'))) IS NULL
ORDER BY months.first_day
