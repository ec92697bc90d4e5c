-- No event was replaced: what derives reads these as well.
CREATE TEMP TABLE deliveries AS
SELECT
    inverter_id,
    event_time
FROM inverter_telemetry_raw/*:stored*/
WHERE 1 = 0
