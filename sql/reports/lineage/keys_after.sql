-- Keys from a value on, in their order: one of them may be meant.
SELECT :"key" -- noqa: LT09
FROM :"table"
WHERE :"first_key" >= :value
ORDER BY :"key"
LIMIT :most
