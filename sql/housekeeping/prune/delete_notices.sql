-- They go.
DELETE FROM notices
WHERE (receiver, kind, subject) IN (SELECT prunable.receiver, prunable.kind, prunable.subject FROM prunable) -- noqa: LT09
