-- The codes that a table lists.
SELECT :"column" AS code FROM :"table" ORDER BY code
