-- No event is new: what derives reads these as well.
CREATE TEMP VIEW new_events AS
SELECT *
FROM inverter_telemetry_raw/*:stored*/
WHERE 1 = 0
