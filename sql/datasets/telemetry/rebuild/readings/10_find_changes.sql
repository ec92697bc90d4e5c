-- The next moments of inverters that have events or readings: what is derived from them is derived as if their
-- events had gone.
CREATE TEMP TABLE changes AS
SELECT
    inverter_id,
    event_time,
    '' AS event_id,
    'reverted' AS bucket
FROM (
    SELECT *
    FROM (
        SELECT DISTINCT
            inverter_id,
            event_time
        FROM inverter_telemetry_raw/*:stored*/
        WHERE (inverter_id, event_time) > (:after_inverter_id, :after_time)
        ORDER BY inverter_id, event_time
        LIMIT :most
    ) AS events
    UNION
    SELECT *
    FROM (
        SELECT
            inverter_id,
            event_time
        FROM inverter_telemetry_clean/*:stored*/
        WHERE (inverter_id, event_time) > (:after_inverter_id, :after_time)
        ORDER BY inverter_id, event_time
        LIMIT :most
    ) AS readings
) AS moments
ORDER BY inverter_id, event_time
LIMIT :most
