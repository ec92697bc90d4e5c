-- What a receiver is owed.
SELECT *
FROM notices
WHERE receiver = :receiver AND (told IS NULL OR told <> state)
ORDER BY changed_at, kind, subject
LIMIT :most
