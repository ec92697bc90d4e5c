-- Whom something is owed: how many changes, since when, and why the last message was not taken.
SELECT
    notices.receiver,
    receivers.shown,
    receivers.because,
    count(*) AS owed,
    min(epoch_seconds(notices.changed_at)) AS since
FROM notices
LEFT JOIN receivers ON notices.receiver = receivers.receiver
WHERE notices.told IS NULL OR notices.told <> notices.state
GROUP BY notices.receiver, receivers.shown, receivers.because
ORDER BY since, notices.receiver
