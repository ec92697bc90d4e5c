-- The days that have gained a reading that was taken again.
INSERT INTO touched_days (inverter_id, day)
SELECT DISTINCT
    readings.inverter_id,
    readings.day
FROM inverter_telemetry_clean/*:stored*/ AS readings
INNER JOIN touched ON readings.inverter_id = touched.inverter_id AND readings.event_time = touched.event_time
