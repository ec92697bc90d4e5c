-- Old versions go.
DELETE FROM :"history"
WHERE (:"key", load_id, line_no) IN (SELECT :"key", load_id, line_no FROM prunable) -- noqa: LT09, RF02
