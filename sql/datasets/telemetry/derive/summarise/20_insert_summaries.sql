-- A day of an inverter: power, how many readings, and the energy that its counter says was produced between them, as far as the
-- inverter could make it (counted_energy knows how counters dip, jump and restart). Only the day's own readings are looked at: a
-- late event changes its day alone.
-- Sums in whole milliwatts and milliwatt-hours, averages rounded to one (half up): exact, hence the same on every database.
INSERT INTO inverter_daily_summary/*:stored*/ (
    plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time, last_event_time,
    points_with_power, energy_wh_uncounted, counter_faults, milliwatts
)
-- grouped with the capacity, so that neither an inverter is looked up for each reading, nor, by a database that knows nothing of
-- the tables yet, all readings of an inverter for each of its days
WITH days AS (
    SELECT
        touched_days.inverter_id,
        touched_days.day,
        max(inverters.capacity_kw) AS capacity_kw
    FROM touched_days
    INNER JOIN inverters ON touched_days.inverter_id = inverters.inverter_id
    GROUP BY touched_days.inverter_id, touched_days.day
),

summed AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        sum(cast(round(clean.ac_power_w * 1000) AS bigint)) AS milliwatts,
        max(cast(round(clean.ac_power_w * 1000) AS bigint)) AS most_milliwatts,
        count(*) AS points,
        count(clean.ac_power_w) AS points_with_power,
        count(clean.energy_wh_total) AS counters,
        counted_energy(
            clean.event_time, cast(round(clean.energy_wh_total * 1000) AS bigint), days.capacity_kw
        ) AS energy,
        min(clean.event_time) AS first_event_time,
        max(clean.event_time) AS last_event_time
    FROM days
    -- whose readings are looked up
    CROSS JOIN inverter_telemetry_clean/*:stored*/ AS clean
    WHERE
        days.inverter_id = clean.inverter_id
        AND days.day = clean.day
        AND clean.event_time >= add_days(days.day, -1)
        AND clean.event_time < add_days(days.day, 2)
    GROUP BY clean.inverter_id, clean.day, clean.plant_id
)

SELECT
    plant_id,
    inverter_id,
    day,
    whole_div(2 * milliwatts + points_with_power, nullif(2 * points_with_power, 0)) / 1000.0,
    most_milliwatts / 1000.0,
    points,
    CASE WHEN counters > 1 THEN energy_counted(energy) / 1000.0 END,
    first_event_time,
    last_event_time,
    points_with_power,
    energy_uncounted(energy) / 1000.0,
    energy_faults(energy),
    coalesce(milliwatts, 0)
FROM summed
