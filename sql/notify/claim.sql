-- What a receiver is owed, and nobody else is telling it just now: the claim is the row lock, and dies with its connection.
SELECT *
FROM notices
WHERE receiver = :receiver AND (told IS NULL OR told <> state)
ORDER BY changed_at, kind, subject
LIMIT :most
/*:for_update_skip_locked*/
