-- The readings that this load touches: those of new events, and those of every version of a changed event, for it may have moved.
-- In the order of time, which is the order in which events come, so that looking them up goes through the tables in order.
CREATE TEMP TABLE touched AS
SELECT
    staged.inverter_id,
    staged.event_time
FROM :"staged" AS staged
WHERE NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.line_no = staged.line_no)
UNION
SELECT
    inverter_id,
    event_time
FROM deliveries
ORDER BY event_time
