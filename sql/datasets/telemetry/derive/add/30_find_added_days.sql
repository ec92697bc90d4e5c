-- The days that gain readings of new events, and how many. More, where some compete: then these are summed up whole.
CREATE TEMP TABLE added_days AS
SELECT
    events.inverter_id,
    local_day(events.event_time, plants.timezone) AS day,
    count(*) AS readings
FROM changes AS events
INNER JOIN plants ON events.plant_id = plants.plant_id
WHERE events.bucket = 'inserted'
GROUP BY events.inverter_id, local_day(events.event_time, plants.timezone)
