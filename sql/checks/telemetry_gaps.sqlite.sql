-- title: Gaps inside a day of an inverter's readings
-- severity: warning
-- dataset: telemetry
-- do: Look for the events of that time in the plant's gateway, have them sent again, and load them: dbsvc ingest FILE
-- runbook: telemetry_gaps
-- :factor = 5: a gap is longer than so many times the inverter's usual interval
-- :min_minutes = 15: and takes at least so many minutes
-- :min_steps = 10: how many intervals within days an inverter needs before one is usual
-- Between two readings of one day an inverter was silent for much longer than it usually is. What it did in between is unknown,
-- and the day's average leaves it out. The usual interval is the median of those within days, in whole seconds. Long intervals
-- are kept one by one, short ones are only counted.
WITH readings AS (
    SELECT
        clean.inverter_id,
        clean.plant_id,
        clean.day,
        clean.event_time,
        lag(clean.day) OVER moments AS day_before,
        lag(clean.event_time) OVER moments AS time_before
    FROM inverters -- whose readings since then are looked up
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE
        inverters.inverter_id = clean.inverter_id
        AND clean.event_time >= date(:since, '-1 day')
        AND clean.day >= :since
    WINDOW moments AS (PARTITION BY clean.inverter_id ORDER BY clean.event_time)
),

steps AS (
    SELECT
        *,
        cast(strftime('%s', event_time) AS integer) - cast(strftime('%s', time_before) AS integer) AS seconds
    FROM readings
    WHERE day = day_before
),

sorted_out AS (
    SELECT
        *,
        CASE WHEN seconds >= :min_minutes * 60 THEN time_before END AS silent_from
    FROM steps
),

counted AS (
    SELECT
        inverter_id,
        seconds,
        silent_from,
        min(event_time) AS silent_until,
        min(plant_id) AS plant_id,
        min(day) AS day,
        count(*) AS steps
    FROM sorted_out
    GROUP BY inverter_id, seconds, silent_from
),

ranked AS (
    SELECT
        inverter_id,
        seconds,
        sum(steps) OVER (PARTITION BY inverter_id ORDER BY seconds) AS up_to,
        sum(steps) OVER (PARTITION BY inverter_id) AS steps
    FROM counted
),

usual AS (
    SELECT
        inverter_id,
        min(seconds) AS seconds
    FROM ranked
    WHERE steps >= :min_steps AND 2 * up_to >= steps
    GROUP BY inverter_id
)

SELECT
    counted.plant_id,
    counted.inverter_id,
    counted.day,
    counted.silent_from,
    counted.silent_until,
    counted.seconds / 60 AS minutes,
    usual.seconds AS usual_seconds
FROM counted
INNER JOIN usual ON counted.inverter_id = usual.inverter_id
WHERE counted.silent_from IS NOT NULL AND counted.seconds > usual.seconds * :factor
ORDER BY counted.inverter_id, counted.silent_from
