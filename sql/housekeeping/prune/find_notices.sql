-- What receivers were told and are owed that nobody named since a day: they are gone. Those that are named keep all.
CREATE TEMP TABLE prunable AS
SELECT
    notices.receiver,
    notices.kind,
    notices.subject
FROM notices
LEFT JOIN receivers ON notices.receiver = receivers.receiver
WHERE coalesce(receivers.named_at, notices.changed_at) < :before
