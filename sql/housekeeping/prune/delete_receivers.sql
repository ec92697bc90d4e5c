-- Receivers that nobody named since a day, and of which nothing is kept.
DELETE FROM receivers
WHERE
    (named_at IS NULL OR named_at < :before)
    AND NOT EXISTS (SELECT 1 FROM notices WHERE notices.receiver = receivers.receiver)
