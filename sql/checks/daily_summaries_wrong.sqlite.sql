-- title: Daily summaries that differ from the readings
-- severity: critical
-- dataset: telemetry
-- do: Nothing of the program does this: find out who changed telemetry. Then restore the database from a backup
-- runbook: daily_summaries_wrong
-- Each day since the first one is summed up anew from its readings, and compared with what is stored. A day that is only on one
-- side has no numbers on the other.

-- Inverter by inverter, so that their readings are looked up; and the counter before each, which takes SQLite less time than a
-- window over all of them. Else it differs from PostgreSQL's in how it divides whole numbers, and how it takes a day from a
-- date.
WITH stepped AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        clean.event_time,
        cast(round(clean.ac_power_w * 1000) AS integer) AS milliwatts,
        cast(round(clean.energy_wh_total * 1000) AS integer) AS counter,
        CASE
            WHEN clean.energy_wh_total IS NOT NULL
                THEN (
                    SELECT cast(round(earlier.energy_wh_total * 1000) AS integer)
                    FROM inverter_telemetry_clean AS earlier
                    WHERE
                        earlier.inverter_id = clean.inverter_id
                        AND earlier.event_time < clean.event_time
                        AND earlier.event_time >= date(clean.day, '-1 day')
                        AND earlier.day = clean.day
                        AND earlier.plant_id = clean.plant_id
                        AND earlier.energy_wh_total IS NOT NULL
                    ORDER BY earlier.event_time DESC
                    LIMIT 1
                )
        END AS counter_before
    FROM inverters
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE
        inverters.inverter_id = clean.inverter_id
        AND clean.day >= :since
        AND clean.event_time >= date(:since, '-1 day')
),

fresh AS (
    SELECT
        plant_id,
        inverter_id,
        day,
        ((2 * sum(milliwatts) + count(*)) / (2 * count(*))) / 1000.0 AS avg_ac_power_w,
        max(milliwatts) / 1000.0 AS max_ac_power_w,
        count(*) AS points,
        sum(
            CASE WHEN counter >= counter_before THEN counter - counter_before WHEN counter_before IS NOT NULL THEN counter END
        ) / 1000.0 AS energy_wh,
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
