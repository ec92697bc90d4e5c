-- Their records go.
DELETE FROM rejects
WHERE (load_id, line_no) IN (SELECT prunable.load_id, prunable.line_no FROM prunable) -- noqa: LT09
