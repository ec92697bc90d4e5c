-- title: Inverters without readings for whole days
-- severity: warning
-- do: Ask the plant whether the inverter is off. If not, have its events sent again, and load them: dbsvc ingest FILE
-- runbook: telemetry_days_missing
-- :silent_days = 2: how many days behind the newest of all an inverter's last day is missed after
-- Between an inverter's days there are some without any reading, or it has had none since its last day while others have. With
-- one day of grace, for a day that has begun elsewhere has not begun everywhere.
WITH days AS (
    SELECT
        plant_id,
        inverter_id,
        day,
        lead(day) OVER (PARTITION BY inverter_id ORDER BY day, plant_id) AS next_day,
        max(day) OVER () AS newest
    FROM inverter_daily_summary
    WHERE day >= :since
)

SELECT
    plant_id,
    inverter_id,
    day AS last_day_before,
    next_day AS first_day_after
FROM days
WHERE next_day > add_days(day, 1) OR (next_day IS NULL AND newest > add_days(day, :silent_days))
ORDER BY inverter_id, day
