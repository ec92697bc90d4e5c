-- What is over, and was told to be, need not be known any more; nor what is over and was never told. While an attempt is under
-- way, nobody knows what was told.
DELETE FROM notices
WHERE
    receiver = :receiver
    AND state = 'ok'
    AND coalesce(told, 'ok') = 'ok'
    AND NOT EXISTS (
        SELECT 1
        FROM receivers
        WHERE receivers.receiver = notices.receiver AND receivers.attempt IS NOT NULL
    )
