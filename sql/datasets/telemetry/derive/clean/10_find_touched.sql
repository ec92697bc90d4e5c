-- The readings that a load touches: those of moments that a new event shares with others; of events that go; and of every version
-- of a changed event, for it may have moved. In the order in which looking them up goes through the tables in order.
CREATE TEMP TABLE touched AS
SELECT
    inverter_id,
    event_time
FROM competing
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
