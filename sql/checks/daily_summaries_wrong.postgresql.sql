-- title: Daily summaries that differ from the readings
-- severity: critical
-- dataset: telemetry
-- do: Nothing of the program does this: find out who changed telemetry. Then restore the database from a backup
-- runbook: daily_summaries_wrong
-- Each day since the first one is summed up anew from its readings, and compared with what is stored. A day that is only on one
-- side has no numbers on the other.

-- Differs from SQLite's in how it divides whole numbers, how it takes a day from a date, and in its function for energy.
WITH summed AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        inverters.capacity_kw,
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
    FROM inverters
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE
        inverters.inverter_id = clean.inverter_id
        AND clean.day >= :since
        AND clean.event_time >= (:since)::date - 1
    GROUP BY clean.inverter_id, clean.day, clean.plant_id, inverters.capacity_kw
),

fresh AS (
    SELECT
        summed.plant_id,
        summed.inverter_id,
        summed.day,
        (
            div(2 * summed.milliwatts + summed.points_with_power, nullif(2 * summed.points_with_power, 0)) / 1000.0
        )::double precision AS avg_ac_power_w,
        (summed.most_milliwatts / 1000.0)::double precision AS max_ac_power_w,
        summed.points,
        summed.points_with_power,
        CASE WHEN cardinality(summed.counters) > 1 THEN (energy.counted / 1000.0)::double precision END AS energy_wh,
        (energy.uncounted / 1000.0)::double precision AS energy_wh_uncounted,
        energy.faults AS counter_faults,
        summed.first_event_time,
        summed.last_event_time
    FROM summed
    CROSS JOIN LATERAL counted_energy(summed.times, summed.counters, summed.capacity_kw) AS energy
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
