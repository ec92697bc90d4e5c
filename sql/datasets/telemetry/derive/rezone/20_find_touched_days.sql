-- A plant got another zone: the days that lose readings, and the days that gain them.
CREATE TEMP TABLE touched_days AS
WITH moved AS (
    SELECT
        readings.inverter_id,
        readings.day,
        local_day(readings.event_time, plants.timezone) AS new_day
    FROM inverter_telemetry_clean/*:stored*/ AS readings
    INNER JOIN plants ON readings.plant_id = plants.plant_id
    WHERE readings.plant_id IN (SELECT deliveries.plant_id FROM deliveries)
)

SELECT
    inverter_id,
    day
FROM moved
WHERE day <> new_day
UNION
SELECT
    inverter_id,
    new_day
FROM moved
WHERE day <> new_day
