-- What is over, and was told to be, need not be known any more.
DELETE FROM notices
WHERE receiver = :receiver AND state = 'ok' AND told = 'ok'
