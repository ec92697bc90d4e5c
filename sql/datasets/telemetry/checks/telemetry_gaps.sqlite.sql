-- title: Gaps inside a day of an inverter's readings
-- severity: warning
-- do: Look for the events of that time in the plant's gateway, have them sent again, and load them: dbsvc ingest FILE
-- runbook: telemetry_gaps
-- :factor = 5: a gap is longer than this many times the inverter's usual interval
-- :min_minutes = 15: and takes at least this many minutes
-- :min_steps = 10: how many intervals within days an inverter needs before any is usual
-- Between two readings of one day an inverter was silent for much longer than it usually is. What it did in between is unknown,
-- and the day's average leaves it out. The usual interval is the median of the days' average intervals, in whole seconds.

-- After each reading the next one is looked up.
-- Twin: for 300,000 readings PostgreSQL takes 0.9 s with a window, and 6.7 s if it looks up the reading after each; SQLite takes
-- 7.4 s and 3.8 s.
WITH daily AS (
    SELECT
        inverter_id,
        points - 1 AS steps,
        (unixepoch(last_event_time) - unixepoch(first_event_time)) / (points - 1) AS seconds
    FROM inverter_daily_summary
    WHERE day >= :since AND points > 1
),

ranked AS (
    SELECT
        inverter_id,
        seconds,
        row_number() OVER (PARTITION BY inverter_id ORDER BY seconds) AS nth,
        count(*) OVER (PARTITION BY inverter_id) AS days,
        sum(steps) OVER (PARTITION BY inverter_id) AS steps
    FROM daily
),

usual AS (
    SELECT
        inverter_id,
        min(seconds) AS seconds
    FROM ranked
    WHERE steps >= :min_steps AND 2 * nth >= days
    GROUP BY inverter_id
),

steps AS (
    SELECT
        clean.inverter_id,
        clean.event_time AS time_before,
        (
            SELECT min(later.event_time)
            FROM inverter_telemetry_clean AS later
            WHERE later.inverter_id = clean.inverter_id AND later.event_time > clean.event_time
        ) AS event_time
    FROM inverters -- whose readings since then are looked up
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE inverters.inverter_id = clean.inverter_id AND clean.event_time >= date(:since, '-1 day')
),

-- a second of grace, for the fractions that are cut off
long_steps AS (
    SELECT *
    FROM steps
    WHERE event_time > datetime(time_before, '+' || (:min_minutes * 60 - 1) || ' seconds')
),

silences AS (
    SELECT
        later.plant_id,
        later.inverter_id,
        later.day,
        long_steps.time_before AS silent_from,
        later.event_time AS silent_until,
        unixepoch(long_steps.event_time) - unixepoch(long_steps.time_before) AS seconds
    FROM long_steps
    INNER JOIN inverter_telemetry_clean AS earlier
        ON long_steps.inverter_id = earlier.inverter_id AND long_steps.time_before = earlier.event_time
    INNER JOIN inverter_telemetry_clean AS later
        ON long_steps.inverter_id = later.inverter_id AND long_steps.event_time = later.event_time
    WHERE earlier.day = later.day AND later.day >= :since
)

SELECT
    silences.plant_id,
    silences.inverter_id,
    silences.day,
    silences.silent_from,
    silences.silent_until,
    silences.seconds / 60 AS minutes,
    usual.seconds AS usual_seconds
FROM silences
INNER JOIN usual ON silences.inverter_id = usual.inverter_id
WHERE silences.seconds >= :min_minutes * 60 AND silences.seconds > usual.seconds * :factor
ORDER BY silences.inverter_id, silences.silent_from
