-- title: Telemetry that hangs in the air
-- severity: critical
-- do: Nothing of the program does this: find out who changed telemetry or registries. Then restore the database from a backup
-- instead of: registries_orphaned
-- runbook: telemetry_orphaned
-- An event comes from an inverter that is known; a reading is taken from an event, which came with a published load; a day's
-- summary is made of readings. Here one of these is missing. Looks at times since the first day, by UTC.

-- Inverters are found by jumping from one to the next in the index, however many events there are.
WITH senders AS (
    SELECT known.inverter_id
    FROM values_from(inverter_id, inverter_telemetry_raw, '') AS known -- noqa: RF02, RF03
),

readers AS (
    SELECT known.inverter_id
    FROM values_from(inverter_id, inverter_telemetry_clean, '') AS known -- noqa: RF02, RF03
)

SELECT
    'event of an unknown inverter' AS what,
    senders.inverter_id,
    utc_text(min(events.event_time)) AS first_time,
    utc_text(max(events.event_time)) AS last_time,
    count(*) AS row_count
FROM senders
CROSS JOIN gathered(inverter_telemetry_raw, event_time, :since) AS events -- noqa: RF02, RF03
WHERE
    senders.inverter_id = events.inverter_id
    AND events.event_time >= :since
    AND senders.inverter_id NOT IN (SELECT inverters.inverter_id FROM inverters)
GROUP BY senders.inverter_id
UNION ALL
SELECT
    CASE WHEN events.event_id IS NULL THEN 'reading without its event' ELSE 'reading of a load that is not published' END,
    readers.inverter_id,
    utc_text(min(readings.event_time)),
    utc_text(max(readings.event_time)),
    count(*)
FROM readers
CROSS JOIN gathered(inverter_telemetry_clean, event_time, :since) AS readings -- noqa: RF02, RF03
LEFT JOIN gathered(inverter_telemetry_raw, event_time, :since) AS events -- noqa: RF02, RF03
    ON readings.event_id = events.event_id
WHERE
    readers.inverter_id = readings.inverter_id
    AND readings.event_time >= :since
    AND (
        events.event_id IS NULL
        OR events.load_id NOT IN (SELECT loads.load_id FROM loads WHERE loads.status = 'published')
    )
GROUP BY readers.inverter_id, events.event_id IS NULL
UNION ALL
SELECT
    'summary without a reading',
    days.inverter_id,
    utc_text(min(days.first_event_time)),
    utc_text(max(days.last_event_time)),
    count(*)
FROM inverter_daily_summary AS days
WHERE
    days.day >= :since
    AND NOT EXISTS (
        SELECT 1
        FROM gathered(inverter_telemetry_clean, event_time, :since) AS readings -- noqa: RF02, RF03
        WHERE
            readings.inverter_id = days.inverter_id
            AND readings.event_time BETWEEN days.first_event_time AND days.last_event_time
            AND readings.plant_id = days.plant_id
            AND readings.day = days.day
    )
GROUP BY days.inverter_id
ORDER BY what, inverter_id
