-- The touched readings are taken again from the events.
DELETE FROM inverter_telemetry_clean/*:stored*/
WHERE (inverter_id, event_time) IN (SELECT * FROM touched) -- noqa: RF02
