-- The readings that a load touches: those of moments that a new event shares with others; of events that go; and of every version of
-- a changed event, for it may have moved.
-- In the order in which looking them up goes through the tables in order.
CREATE TEMP TABLE touched AS
SELECT
    changes.inverter_id,
    changes.event_time
FROM changes
INNER JOIN inverter_telemetry_clean AS readings
    ON changes.inverter_id = readings.inverter_id AND changes.event_time = readings.event_time
WHERE changes.bucket = 'inserted' AND changes.event_id <> readings.event_id
UNION
SELECT
    inverter_id,
    event_time
FROM changes
WHERE bucket = 'reverted'
UNION
SELECT
    inverter_id,
    event_time
FROM deliveries
ORDER BY stored_order(inverter_id, event_time)
