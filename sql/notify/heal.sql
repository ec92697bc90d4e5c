-- A subject is in trouble no more. What it was stays, to be told with it, to who was told of it.
UPDATE notices SET state = 'ok', changed_at = :changed_at
WHERE receiver = :receiver AND kind = :kind AND subject = :subject AND state <> 'ok'
