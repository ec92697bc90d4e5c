-- The events that ever carried a reading. Of several current ones the one with the greatest id is the reading.
SELECT event_id
FROM inverter_telemetry_raw
WHERE inverter_id = :key_1 AND event_time = :key_2
UNION
SELECT event_id
FROM inverter_telemetry_raw_history
WHERE inverter_id = :key_1 AND event_time = :key_2
ORDER BY event_id
