-- Whether anything is left in a staging table. By its first row: what EXISTS asks for, a cluster gathers whole.
SELECT 1 AS anything
FROM :"staged"
LIMIT 1 -- noqa: AM09
