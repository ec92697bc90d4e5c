-- title: Event ids that came from two inverters
-- severity: warning
-- do: Have each inverter send ids of its own, such as the inverter's id before its count; then deliver these days again
-- runbook: event_ids_shared
-- An event was replaced by one of another inverter: both count their events by themselves. Today the second one is a reject;
-- these came before it was, and the first inverter's reading is gone from the tables (the history has it).
SELECT
    past.event_id,
    past.inverter_id AS replaced_inverter_id,
    past.event_time AS replaced_event_time,
    past.load_id AS replaced_load_id,
    stored.inverter_id,
    stored.load_id
FROM inverter_telemetry_raw_history AS past
INNER JOIN inverter_telemetry_raw AS stored ON past.event_id = stored.event_id
WHERE past.inverter_id <> stored.inverter_id AND stored.event_time >= :since
ORDER BY past.event_id, past.load_id, past.line_no
