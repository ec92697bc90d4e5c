-- The readings that a load touches: those of moments that a new event shares with others, which are looked for if not every new
-- event became a reading; of events that go; and of every version of a changed event, for it may have moved.
-- In the order in which looking them up goes through the tables in order.
CREATE TEMP TABLE touched AS
SELECT
    changes.inverter_id,
    changes.event_time
FROM changes
INNER JOIN inverter_telemetry_clean AS readings
    ON changes.inverter_id = readings.inverter_id AND changes.event_time = readings.event_time
WHERE
    changes.bucket = 'inserted'
    AND changes.event_id <> readings.event_id
    AND (SELECT count(*) FROM changes AS events WHERE events.bucket = 'inserted')
    > (SELECT coalesce(sum(added_days.readings), 0) FROM added_days)
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
