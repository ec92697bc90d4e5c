-- What receivers were not told since before a day: they are gone, or were never there. What is still wrong is noted again
-- for those that are.
CREATE TEMP TABLE prunable AS
SELECT
    receiver,
    kind,
    subject
FROM notices
WHERE changed_at < :before AND (told IS NULL OR told <> state)
