-- title: Days with far fewer readings than usual
-- severity: warning
-- do: Have the events of that day sent again by the plant's gateway, and load them: dbsvc ingest FILE
-- runbook: telemetry_points_low
-- :share = 0.5: a day is low with fewer than this share of the inverter's median
-- :min_days = 7: how many full days with readings an inverter needs before any number is usual
-- An inverter's day has far fewer readings than its other days. Part of the day was not delivered, or the inverter was off.
-- A plant's newest day and today are still growing, and an inverter's first day here may have begun at noon: they are left out.
WITH newest AS (
    SELECT
        plant_id,
        max(day) AS day
    FROM inverter_daily_summary
    WHERE day >= :since
    GROUP BY plant_id
),

-- an inverter that moved has two rows on that day
full_days AS (
    SELECT
        summary.inverter_id,
        summary.day,
        max(summary.plant_id) AS plant_id,
        cast(sum(summary.points) AS bigint) AS points
    FROM inverter_daily_summary AS summary
    INNER JOIN newest ON summary.plant_id = newest.plant_id
    WHERE summary.day >= :since AND summary.day < :today
    GROUP BY summary.inverter_id, summary.day
    HAVING summary.day < min(newest.day)
),

ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY inverter_id ORDER BY points) AS nth,
        count(*) OVER (PARTITION BY inverter_id) AS days,
        min(day) OVER (PARTITION BY inverter_id) AS first_day
    FROM full_days
),

usual AS (
    SELECT
        inverter_id,
        avg(points) AS points
    FROM ranked
    WHERE days >= :min_days AND 2 * nth BETWEEN days AND days + 2
    GROUP BY inverter_id
)

SELECT
    ranked.plant_id,
    ranked.inverter_id,
    ranked.day,
    ranked.points,
    cast(round(usual.points) AS bigint) AS usual_points
FROM ranked
INNER JOIN usual ON ranked.inverter_id = usual.inverter_id
WHERE ranked.day > ranked.first_day AND ranked.points < usual.points * :share
ORDER BY ranked.day, ranked.inverter_id
