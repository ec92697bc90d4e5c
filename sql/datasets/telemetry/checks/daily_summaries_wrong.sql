-- title: Daily summaries that differ from the readings
-- severity: critical
-- do: Sum the days up again: dbsvc db rebuild summaries. Nothing of the program damages them: find out who did
-- runbook: daily_summaries_wrong
-- Each day since the first one is summed up again from its readings, and compared with what is stored. A day that is only on one
-- side has no numbers on the other.

-- Inverter by inverter, so that their readings are looked up.
WITH summed AS (
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
            clean.event_time, cast(round(clean.energy_wh_total * 1000) AS bigint), inverters.capacity_kw
        ) AS energy,
        min(clean.event_time) AS first_event_time,
        max(clean.event_time) AS last_event_time
    FROM inverters
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE
        inverters.inverter_id = clean.inverter_id
        AND clean.day >= :since
        AND clean.event_time >= add_days(:since, -1)
    GROUP BY clean.inverter_id, clean.day, clean.plant_id
),

fresh AS (
    SELECT
        plant_id,
        inverter_id,
        day,
        cast(
            whole_div(2 * milliwatts + points_with_power, nullif(2 * points_with_power, 0)) / 1000.0 AS double precision
        ) AS avg_ac_power_w,
        cast(most_milliwatts / 1000.0 AS double precision) AS max_ac_power_w,
        points,
        points_with_power,
        CASE WHEN counters > 1 THEN cast(energy_counted(energy) / 1000.0 AS double precision) END AS energy_wh,
        cast(energy_uncounted(energy) / 1000.0 AS double precision) AS energy_wh_uncounted,
        energy_faults(energy) AS counter_faults,
        first_event_time,
        last_event_time
    FROM summed
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
    OR stored.points_with_power IS DISTINCT FROM fresh.points_with_power
    OR stored.avg_ac_power_w IS DISTINCT FROM fresh.avg_ac_power_w
    OR stored.max_ac_power_w IS DISTINCT FROM fresh.max_ac_power_w
    OR stored.energy_wh IS DISTINCT FROM fresh.energy_wh
    OR stored.energy_wh_uncounted IS DISTINCT FROM fresh.energy_wh_uncounted
    OR stored.counter_faults IS DISTINCT FROM fresh.counter_faults
    OR stored.first_event_time IS DISTINCT FROM fresh.first_event_time
    OR stored.last_event_time IS DISTINCT FROM fresh.last_event_time
ORDER BY inverter_id, day, plant_id
