-- The days that have gained a reading.
INSERT INTO touched_days (inverter_id, day)
SELECT
    readings.inverter_id,
    readings.day
FROM inverter_telemetry_clean AS readings
INNER JOIN touched ON readings.inverter_id = touched.inverter_id AND readings.event_time = touched.event_time
UNION
SELECT
    readings.inverter_id,
    readings.day
FROM inverter_telemetry_clean AS readings
INNER JOIN changes ON readings.inverter_id = changes.inverter_id AND readings.event_time = changes.event_time
WHERE changes.bucket = 'inserted'
