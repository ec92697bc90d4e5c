-- Steady days, all of whose new readings lie between two others of the day, with a counter that the inverter can have gone
-- through: it rises from the one before to the one after, each time by no more than a kilowatt-hour and what the inverter can
-- make meanwhile, as counted_energy has it (a second less, for times are in whole ones here). So the day's energy stays what it
-- is, and so do its first and its last reading.
-- Materialized, for then the neighbours' times are known, and the neighbours looked up by them.
CREATE TEMP TABLE extended_days AS
WITH late AS MATERIALIZED (
    SELECT
        readings.plant_id,
        readings.inverter_id,
        readings.day,
        readings.event_time,
        readings.ac_power_w,
        readings.energy_wh_total,
        days.readings AS of_day,
        days.capacity_kw * 1200000.0 / 3600 AS most_a_second,
        (
            SELECT max(earlier.event_time)
            FROM inverter_telemetry_clean AS earlier
            WHERE earlier.inverter_id = readings.inverter_id AND earlier.event_time < readings.event_time
        ) AS time_before,
        (
            SELECT min(later.event_time)
            FROM inverter_telemetry_clean AS later
            WHERE later.inverter_id = readings.inverter_id AND later.event_time > readings.event_time
        ) AS time_after
    FROM changes
    -- each is looked up
    CROSS JOIN inverter_telemetry_clean AS readings
    INNER JOIN steady_days AS days
        ON readings.inverter_id = days.inverter_id AND readings.day = days.day AND readings.plant_id = days.plant_id
    WHERE
        changes.bucket = 'inserted'
        AND changes.inverter_id = readings.inverter_id
        AND changes.event_time = readings.event_time
        -- else nothing is looked up
        AND EXISTS (SELECT 1 FROM steady_days)
)

SELECT
    late.plant_id,
    late.inverter_id,
    late.day,
    count(*) AS points,
    count(late.ac_power_w) AS points_with_power,
    coalesce(sum(cast(round(late.ac_power_w * 1000) AS bigint)), 0) AS milliwatts,
    max(cast(round(late.ac_power_w * 1000) AS bigint)) AS most_milliwatts
FROM late
CROSS JOIN inverter_telemetry_clean AS one_before
CROSS JOIN inverter_telemetry_clean AS one_after
WHERE
    late.inverter_id = one_before.inverter_id
    AND late.time_before = one_before.event_time
    AND late.day = one_before.day
    AND late.plant_id = one_before.plant_id
    AND late.inverter_id = one_after.inverter_id
    AND late.time_after = one_after.event_time
    AND late.day = one_after.day
    AND late.plant_id = one_after.plant_id
    AND one_before.energy_wh_total > 0
    AND late.energy_wh_total >= one_before.energy_wh_total
    AND one_after.energy_wh_total >= late.energy_wh_total
    AND round(late.energy_wh_total * 1000) - round(one_before.energy_wh_total * 1000)
    <= 1000000 + late.most_a_second * (epoch_seconds(late.event_time) - epoch_seconds(late.time_before) - 1)
    AND round(one_after.energy_wh_total * 1000) - round(late.energy_wh_total * 1000)
    <= 1000000 + late.most_a_second * (epoch_seconds(late.time_after) - epoch_seconds(late.event_time) - 1)
GROUP BY late.plant_id, late.inverter_id, late.day, late.of_day
HAVING count(*) = late.of_day
