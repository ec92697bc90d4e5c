-- The events that ever carried a reading. Of several current ones the one with the greatest id is the reading.
SELECT event_id
FROM inverter_telemetry_raw
WHERE inverter_id = :inverter_id AND event_time = :event_time
UNION
SELECT event_id
FROM inverter_telemetry_raw_history
WHERE inverter_id = :inverter_id AND event_time = :event_time
ORDER BY event_id
