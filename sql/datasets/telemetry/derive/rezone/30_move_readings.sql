-- The readings of a plant with another zone belong to other days.
UPDATE inverter_telemetry_clean/*:stored*/ AS readings
SET day = local_day(readings.event_time, plants.timezone)
FROM plants
WHERE
    readings.plant_id = plants.plant_id
    AND readings.plant_id IN (SELECT deliveries.plant_id FROM deliveries)
    AND readings.day <> local_day(readings.event_time, plants.timezone)
