-- Moments of new events that have a reading already, or that several of them share: the next phase takes their readings from all
-- of their events.
CREATE TEMP TABLE competing AS
SELECT
    changes.inverter_id,
    changes.event_time
FROM changes
INNER JOIN inverter_telemetry_clean/*:stored*/ AS readings
    ON changes.inverter_id = readings.inverter_id AND changes.event_time = readings.event_time
WHERE changes.bucket = 'inserted'
UNION
SELECT
    inverter_id,
    event_time
FROM changes
WHERE bucket = 'inserted'
GROUP BY inverter_id, event_time
HAVING count(*) > 1
