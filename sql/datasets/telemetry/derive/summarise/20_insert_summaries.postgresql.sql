-- A day of an inverter: power, how many readings, and the energy that its counter says was produced between them, as far as the
-- inverter could make it (counted_energy knows how counters dip, jump and restart). Only the day's own readings are looked at: a
-- late event changes its day alone.
-- Sums in whole milliwatts and milliwatt-hours, averages rounded to one (half up): exact, hence the same on every database.
-- Differs from SQLite's in how it divides whole numbers, in how a day is added to a date, and in that its function for energy
-- takes arrays.
INSERT INTO inverter_daily_summary (
    plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time, last_event_time,
    points_with_power, energy_wh_uncounted, counter_faults
)
WITH days AS (
    SELECT DISTINCT
        inverter_id,
        day
    FROM touched_days
),

summed AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        sum(round(clean.ac_power_w * 1000)::bigint) AS milliwatts,
        max(round(clean.ac_power_w * 1000)::bigint) AS most_milliwatts,
        count(*) AS points,
        count(clean.ac_power_w) AS points_with_power,
        array_agg((extract(EPOCH FROM clean.event_time) * 1000000)::bigint ORDER BY clean.event_time)
        FILTER (WHERE clean.energy_wh_total IS NOT NULL) AS times,
        array_agg(round(clean.energy_wh_total * 1000)::bigint ORDER BY clean.event_time)
        FILTER (WHERE clean.energy_wh_total IS NOT NULL) AS counters,
        min(clean.event_time) AS first_event_time,
        max(clean.event_time) AS last_event_time
    FROM days
    INNER JOIN inverter_telemetry_clean AS clean
        ON
            days.inverter_id = clean.inverter_id
            AND days.day = clean.day
            AND clean.event_time >= days.day - interval '1 day'
            AND clean.event_time < days.day + interval '2 days'
    GROUP BY clean.inverter_id, clean.day, clean.plant_id
)

SELECT
    summed.plant_id,
    summed.inverter_id,
    summed.day,
    div(2 * summed.milliwatts + summed.points_with_power, nullif(2 * summed.points_with_power, 0)) / 1000.0,
    summed.most_milliwatts / 1000.0,
    summed.points,
    CASE WHEN cardinality(summed.counters) > 1 THEN energy.counted / 1000.0 END,
    summed.first_event_time,
    summed.last_event_time,
    summed.points_with_power,
    energy.uncounted / 1000.0,
    energy.faults
FROM summed
INNER JOIN inverters ON summed.inverter_id = inverters.inverter_id
CROSS JOIN LATERAL counted_energy(summed.times, summed.counters, inverters.capacity_kw) AS energy
