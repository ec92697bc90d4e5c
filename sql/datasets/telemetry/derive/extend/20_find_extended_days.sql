-- Steady days, all of whose new readings lie between two others of the day, with a counter that the inverter can have gone
-- through: it rises from the one before to the one after, each time by no more than a kilowatt-hour and what the inverter can
-- make meanwhile, as counted_energy has it (a second less, for times are in whole ones here). So the day's energy stays what it
-- is, and so do its first and its last reading.
-- Materialized, for then each neighbour is looked up once; and not joined, for a database that knows nothing of the tables yet
-- reads all readings of an inverter to find one.
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
            FROM inverter_telemetry_clean/*:stored*/ AS earlier
            WHERE earlier.inverter_id = readings.inverter_id AND earlier.event_time < readings.event_time
        ) AS time_before,
        (
            SELECT min(later.event_time)
            FROM inverter_telemetry_clean/*:stored*/ AS later
            WHERE later.inverter_id = readings.inverter_id AND later.event_time > readings.event_time
        ) AS time_after
    FROM new_readings AS readings
    -- each asks for its day
    CROSS JOIN steady_days AS days
    WHERE
        readings.inverter_id = days.inverter_id
        AND readings.day = days.day
        AND readings.plant_id = days.plant_id
        -- else none asks
        AND EXISTS (SELECT 1 FROM steady_days)
),

counted AS MATERIALIZED (
    SELECT
        late.*,
        (
            SELECT one_before.energy_wh_total
            FROM inverter_telemetry_clean/*:stored*/ AS one_before
            WHERE
                one_before.inverter_id = late.inverter_id
                AND one_before.event_time = late.time_before
                AND one_before.day = late.day
                AND one_before.plant_id = late.plant_id
        ) AS counter_before,
        (
            SELECT one_after.energy_wh_total
            FROM inverter_telemetry_clean/*:stored*/ AS one_after
            WHERE
                one_after.inverter_id = late.inverter_id
                AND one_after.event_time = late.time_after
                AND one_after.day = late.day
                AND one_after.plant_id = late.plant_id
        ) AS counter_after
    FROM late
)

SELECT
    plant_id,
    inverter_id,
    day,
    count(*) AS points,
    count(ac_power_w) AS points_with_power,
    coalesce(sum(cast(round(ac_power_w * 1000) AS bigint)), 0) AS milliwatts,
    max(cast(round(ac_power_w * 1000) AS bigint)) AS most_milliwatts
FROM counted
WHERE
    counter_before > 0
    AND energy_wh_total >= counter_before
    AND counter_after >= energy_wh_total
    AND round(energy_wh_total * 1000) - round(counter_before * 1000)
    <= 1000000 + most_a_second * (epoch_seconds(event_time) - epoch_seconds(time_before) - 1)
    AND round(counter_after * 1000) - round(energy_wh_total * 1000)
    <= 1000000 + most_a_second * (epoch_seconds(time_after) - epoch_seconds(event_time) - 1)
GROUP BY plant_id, inverter_id, day, of_day
HAVING count(*) = of_day
