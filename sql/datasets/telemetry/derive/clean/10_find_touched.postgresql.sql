-- The readings that this load touches: those of new events, and those of every version of a changed event, for it may have moved.
-- In the order of time, which is the order in which events come, so that looking them up goes through the tables in order.
CREATE TEMP TABLE touched AS
SELECT
    inverter_id,
    event_time
FROM changes
WHERE bucket = 'inserted'
UNION
SELECT
    inverter_id,
    event_time
FROM deliveries
ORDER BY event_time
