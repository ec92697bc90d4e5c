-- The next readings, whose days are summed up again.
CREATE TEMP TABLE changes AS
SELECT
    inverter_id,
    event_time,
    day
FROM inverter_telemetry_clean/*:stored*/
WHERE (inverter_id, event_time) > (:after_inverter_id, :after_time)
ORDER BY inverter_id, event_time
LIMIT :most
