-- How many changes of state a receiver was not told yet.
SELECT count(*) AS owed
FROM notices
WHERE receiver = :receiver AND (told IS NULL OR told <> state)
