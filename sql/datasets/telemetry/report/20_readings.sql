-- title: Readings
-- chart: heat by plant, day
-- unit: readings
-- How many readings of each plant's inverters there are.
SELECT
    plant_id AS plant,
    cast(day AS text) AS day,
    cast(sum(points) AS bigint) AS value
FROM inverter_daily_summary
WHERE day BETWEEN :since AND :until
GROUP BY plant_id, day
