-- Steady days, all of whose new readings lie between two others of the day, with a counter that the inverter can have gone
-- through: it rises from the one before to the one after, each time by no more than a kilowatt-hour and what the inverter can
-- make meanwhile, as counted_energy has it (a second less, for times are in whole ones here). So the day's energy stays what it
-- is, and so do its first and its last reading.
CREATE TEMP TABLE extended_days AS
SELECT
    late.plant_id,
    late.inverter_id,
    late.day,
    count(*) AS points,
    count(late.ac_power_w) AS points_with_power,
    coalesce(sum(cast(round(late.ac_power_w * 1000) AS bigint)), 0) AS milliwatts,
    max(cast(round(late.ac_power_w * 1000) AS bigint)) AS most_milliwatts
FROM changes
-- each is looked up
CROSS JOIN inverter_telemetry_clean AS late
INNER JOIN steady_days AS days
    ON late.inverter_id = days.inverter_id AND late.day = days.day AND late.plant_id = days.plant_id
INNER JOIN inverter_telemetry_clean AS one_before
    ON
        late.inverter_id = one_before.inverter_id
        AND one_before.event_time = (
            SELECT max(earlier.event_time)
            FROM inverter_telemetry_clean AS earlier
            WHERE earlier.inverter_id = late.inverter_id AND earlier.event_time < late.event_time
        )
INNER JOIN inverter_telemetry_clean AS one_after
    ON
        late.inverter_id = one_after.inverter_id
        AND one_after.event_time = (
            SELECT min(later.event_time)
            FROM inverter_telemetry_clean AS later
            WHERE later.inverter_id = late.inverter_id AND later.event_time > late.event_time
        )
WHERE
    changes.bucket = 'inserted'
    AND changes.inverter_id = late.inverter_id
    AND changes.event_time = late.event_time
    -- else nothing is looked up
    AND EXISTS (SELECT 1 FROM steady_days)
    AND one_before.day = late.day
    AND one_before.plant_id = late.plant_id
    AND one_after.day = late.day
    AND one_after.plant_id = late.plant_id
    AND one_before.energy_wh_total > 0
    AND late.energy_wh_total >= one_before.energy_wh_total
    AND one_after.energy_wh_total >= late.energy_wh_total
    AND round(late.energy_wh_total * 1000) - round(one_before.energy_wh_total * 1000)
    <= 1000000 + days.capacity_kw * 1200000.0 * (epoch_seconds(late.event_time) - epoch_seconds(one_before.event_time) - 1) / 3600
    AND round(one_after.energy_wh_total * 1000) - round(late.energy_wh_total * 1000)
    <= 1000000 + days.capacity_kw * 1200000.0 * (epoch_seconds(one_after.event_time) - epoch_seconds(late.event_time) - 1) / 3600
GROUP BY late.plant_id, late.inverter_id, late.day, days.readings
HAVING count(*) = days.readings
