-- What receivers were told of, or are owed.
SELECT
    receiver,
    kind,
    subject,
    state
FROM notices
