-- The days that gain readings of new events.
CREATE TEMP TABLE added_days AS
SELECT
    events.inverter_id,
    local_day(events.event_time, plants.timezone) AS day
FROM changes AS events
INNER JOIN plants ON events.plant_id = plants.plant_id
WHERE events.bucket = 'inserted'
GROUP BY events.inverter_id, local_day(events.event_time, plants.timezone)
