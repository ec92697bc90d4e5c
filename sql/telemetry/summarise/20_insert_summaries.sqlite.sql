-- A day of an inverter: power, how many readings, and the energy that its counter says was produced between them. A counter that
-- goes back has been reset, and counts from zero. Only the day's own readings are looked at: a late event changes its day alone.
-- Sums in whole milliwatts and milliwatt-hours, averages rounded to one (half up): exact, hence the same on every database.
-- Differs from PostgreSQL's in how it divides whole numbers, and in how a day is added to a date.
INSERT INTO inverter_daily_summary (
    plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time, last_event_time
)
WITH days AS (
    SELECT DISTINCT
        inverter_id,
        day
    FROM touched_days
),

readings AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        clean.event_time,
        cast(round(clean.ac_power_w * 1000) AS integer) AS milliwatts,
        cast(round(clean.energy_wh_total * 1000) AS integer) AS counter
    FROM days
    INNER JOIN inverter_telemetry_clean AS clean
        ON
            days.inverter_id = clean.inverter_id
            AND days.day = clean.day
            AND clean.event_time >= date(days.day, '-1 day')
            AND clean.event_time < date(days.day, '+2 days')
),

stepped AS (
    SELECT
        *,
        lag(counter) OVER (PARTITION BY inverter_id, day, plant_id, counter IS NULL ORDER BY event_time) AS counter_before
    FROM readings
)

SELECT
    plant_id,
    inverter_id,
    day,
    ((2 * sum(milliwatts) + count(*)) / (2 * count(*))) / 1000.0,
    max(milliwatts) / 1000.0,
    count(*),
    sum(CASE WHEN counter >= counter_before THEN counter - counter_before WHEN counter_before IS NOT NULL THEN counter END)
    / 1000.0,
    min(event_time),
    max(event_time)
FROM stepped
-- sorted already: steps were counted in this order
GROUP BY inverter_id, day, plant_id
