-- title: Daily summaries that differ from the readings
-- severity: critical
-- dataset: telemetry
-- do: Nothing of the program does this: find out who changed telemetry. Then restore the database from a backup
-- runbook: daily_summaries_wrong
-- Each day since the first one is summed up anew from its readings, and compared with what is stored. A day that is only on one
-- side has no numbers on the other.

-- Differs from SQLite's in how it divides whole numbers, and in how a day is taken from a date.
WITH readings AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        clean.event_time,
        round(clean.ac_power_w * 1000)::bigint AS milliwatts,
        round(clean.energy_wh_total * 1000)::bigint AS counter
    FROM inverters
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE
        inverters.inverter_id = clean.inverter_id
        AND clean.day >= :since
        AND clean.event_time >= (:since)::date - 1
),

stepped AS (
    SELECT
        *,
        lag(counter) OVER (PARTITION BY inverter_id, day, plant_id, counter IS NULL ORDER BY event_time) AS counter_before
    FROM readings
),

fresh AS (
    SELECT
        plant_id,
        inverter_id,
        day,
        (div(2 * sum(milliwatts) + count(*), 2 * count(*)) / 1000.0)::double precision AS avg_ac_power_w,
        (max(milliwatts) / 1000.0)::double precision AS max_ac_power_w,
        count(*) AS points,
        (
            sum(
                CASE WHEN counter >= counter_before THEN counter - counter_before WHEN counter_before IS NOT NULL THEN counter END
            ) / 1000.0
        )::double precision AS energy_wh,
        min(event_time) AS first_event_time,
        max(event_time) AS last_event_time
    FROM stepped
    GROUP BY inverter_id, day, plant_id
),

stored AS (
    SELECT *
    FROM inverter_daily_summary
    WHERE day >= :since
)

SELECT
    coalesce(stored.plant_id, fresh.plant_id) AS plant_id,
    coalesce(stored.inverter_id, fresh.inverter_id) AS inverter_id,
    coalesce(stored.day, fresh.day) AS day,
    stored.points,
    fresh.points AS points_found,
    stored.avg_ac_power_w,
    fresh.avg_ac_power_w AS avg_found_w,
    stored.max_ac_power_w,
    fresh.max_ac_power_w AS max_found_w,
    stored.energy_wh,
    fresh.energy_wh AS energy_found_wh
FROM stored
FULL JOIN fresh
    ON stored.inverter_id = fresh.inverter_id AND stored.day = fresh.day AND stored.plant_id = fresh.plant_id
WHERE
    stored.points IS DISTINCT FROM fresh.points
    OR stored.avg_ac_power_w IS DISTINCT FROM fresh.avg_ac_power_w
    OR stored.max_ac_power_w IS DISTINCT FROM fresh.max_ac_power_w
    OR stored.energy_wh IS DISTINCT FROM fresh.energy_wh
    OR stored.first_event_time IS DISTINCT FROM fresh.first_event_time
    OR stored.last_event_time IS DISTINCT FROM fresh.last_event_time
ORDER BY inverter_id, day, plant_id
