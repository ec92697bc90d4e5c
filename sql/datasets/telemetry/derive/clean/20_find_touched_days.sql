-- The days that have gained a reading, or may lose one.
CREATE TEMP TABLE touched_days AS
SELECT
    inverter_id,
    day
FROM added_days
UNION
SELECT
    readings.inverter_id,
    readings.day
FROM inverter_telemetry_clean AS readings
INNER JOIN touched ON readings.inverter_id = touched.inverter_id AND readings.event_time = touched.event_time
