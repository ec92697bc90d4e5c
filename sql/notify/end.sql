-- An attempt is over, and what came of it. One that was taken over meanwhile is not ours to end.
UPDATE receivers SET attempt = NULL, because = :because
WHERE receiver = :receiver AND attempt = :attempt
RETURNING receiver
