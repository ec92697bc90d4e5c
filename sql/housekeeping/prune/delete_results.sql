-- They go.
DELETE FROM check_results
WHERE (check_name, checked_at) IN (SELECT prunable.check_name, prunable.checked_at FROM prunable) -- noqa: LT09
