-- The history of the replayed rows is written again.
DELETE FROM :"history"
WHERE (:"key", load_id, line_no) IN (SELECT :"key", load_id, line_no FROM deliveries) -- noqa: LT09, RF02
