-- What is stored of them before they are derived again.
CREATE TEMP TABLE kept AS
SELECT *
FROM :"table"
WHERE (:"key") IN (SELECT * FROM rebuilt) -- noqa: RF02
