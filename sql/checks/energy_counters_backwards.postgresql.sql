-- title: Energy counters that run backwards
-- severity: warning
-- dataset: telemetry
-- do: Ask the plant whether the inverter was reset or replaced. If not, its readings of that day cannot be trusted
-- runbook: energy_counters_backwards
-- An inverter's energy counter is lower than in the reading before. The day's energy takes that for a reset, and counts from
-- zero: if it was none, the day says too much. A reset, a replaced device, or a wrong value.

-- Differs from SQLite's in how a day is taken from a date.
WITH steps AS (
    SELECT
        readings.plant_id,
        readings.inverter_id,
        readings.day,
        readings.event_time,
        readings.energy_wh_total,
        lag(readings.event_time) OVER (PARTITION BY readings.inverter_id ORDER BY readings.event_time) AS time_before,
        lag(readings.energy_wh_total) OVER (PARTITION BY readings.inverter_id ORDER BY readings.event_time) AS energy_before,
        readings.event_id
    FROM inverters
    CROSS JOIN inverter_telemetry_clean AS readings
    WHERE
        inverters.inverter_id = readings.inverter_id
        AND readings.event_time >= (:since)::date - 1
        AND readings.energy_wh_total IS NOT NULL
)

SELECT
    plant_id,
    inverter_id,
    event_time,
    energy_wh_total,
    time_before,
    energy_before,
    event_id
FROM steps
WHERE day >= :since AND energy_wh_total < energy_before
ORDER BY inverter_id, event_time
