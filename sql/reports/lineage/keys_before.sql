-- Keys before a value, the nearest first: one of them may be meant.
SELECT :"key" -- noqa: LT09
FROM :"table"
WHERE :"first_key" < :value
ORDER BY :"first_key" DESC
LIMIT :most
