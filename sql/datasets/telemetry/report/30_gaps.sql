-- title: Gaps in the readings
-- chart: gaps by plant, day
-- unit: % missing
-- Which share of the usual readings is missing. Usual is each inverter's median day; the newest day may still be growing.
WITH ranked AS (
    SELECT
        plant_id,
        inverter_id,
        points,
        row_number() OVER (PARTITION BY plant_id, inverter_id ORDER BY points) AS nth,
        count(*) OVER (PARTITION BY plant_id, inverter_id) AS days
    FROM inverter_daily_summary
    WHERE day BETWEEN :since AND :until
),

usual AS (
    SELECT
        plant_id,
        inverter_id,
        min(points) AS points
    FROM ranked
    WHERE 2 * nth >= days
    GROUP BY plant_id, inverter_id
),

calendar AS (
    SELECT DISTINCT day
    FROM inverter_daily_summary
    WHERE day BETWEEN :since AND :until
),

compared AS (
    SELECT
        usual.plant_id,
        calendar.day,
        usual.points AS expected,
        CASE WHEN summary.points > usual.points THEN usual.points ELSE coalesce(summary.points, 0) END AS points
    FROM usual
    CROSS JOIN calendar
    LEFT JOIN inverter_daily_summary AS summary
        ON usual.inverter_id = summary.inverter_id AND calendar.day = summary.day AND usual.plant_id = summary.plant_id
)

SELECT
    plant_id AS plant,
    cast(day AS text) AS day,
    cast(whole_div(cast(100 * (sum(expected) - sum(points)) AS bigint), cast(sum(expected) AS bigint)) AS bigint) AS value
FROM compared
GROUP BY plant_id, day
