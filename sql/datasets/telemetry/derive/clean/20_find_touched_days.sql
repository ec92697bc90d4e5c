-- The days that may lose a reading.
CREATE TEMP TABLE touched_days AS
SELECT DISTINCT
    readings.inverter_id,
    readings.day
FROM inverter_telemetry_clean/*:stored*/ AS readings
INNER JOIN touched ON readings.inverter_id = touched.inverter_id AND readings.event_time = touched.event_time
