-- The days that gain readings of new events, and how many.
CREATE TEMP TABLE added_days AS
SELECT
    readings.inverter_id,
    readings.day,
    count(*) AS readings
FROM changes
CROSS JOIN inverter_telemetry_clean AS readings
WHERE
    changes.bucket = 'inserted'
    AND changes.inverter_id = readings.inverter_id
    AND changes.event_time = readings.event_time
    AND changes.event_id = readings.event_id
GROUP BY readings.inverter_id, readings.day
