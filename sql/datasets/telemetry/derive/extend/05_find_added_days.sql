-- The days that gain readings, and how many. Those that have a reading that was taken again are summed up whole.
CREATE TEMP TABLE added_days AS
SELECT
    inverter_id,
    day,
    count(*) AS readings
FROM new_readings
GROUP BY inverter_id, day
