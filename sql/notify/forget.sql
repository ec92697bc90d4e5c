-- What is over, and was told to be, need not be known any more; nor what is over and was never told. What was perhaps told is.
DELETE FROM notices
WHERE receiver = :receiver AND state = 'ok' AND coalesce(told, 'ok') = 'ok'
