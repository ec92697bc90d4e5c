-- The loser is kept: every delivery that is past, with the load that replaced it.
INSERT INTO :"history" (:"columns", load_id, line_no, replaced_by_load_id)
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no,
    replaced_by_load_id
FROM deliveries
WHERE is_past
