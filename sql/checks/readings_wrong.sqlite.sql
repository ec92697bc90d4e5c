-- title: Readings that differ from the events
-- severity: critical
-- dataset: telemetry
-- do: Nothing of the program does this: find out who changed telemetry. Then restore the database from a backup
-- runbook: readings_wrong
-- A reading is what an inverter measured at a moment: the event with the greatest id, in watts. Here events of a moment have no
-- reading, or the reading is not theirs. Looks at moments since the first day, by UTC.
-- Rounds by a cast, as the statement that writes readings does. Inverter by inverter, so that their readings are looked up.
WITH readings AS (
    SELECT clean.*
    FROM inverters
    CROSS JOIN inverter_telemetry_clean AS clean
    WHERE inverters.inverter_id = clean.inverter_id AND clean.event_time >= :since
),

moments AS (
    SELECT
        known.inverter_id,
        known.event_time,
        max(known.event_id) AS event_id
    FROM inverters
    CROSS JOIN inverter_telemetry_raw AS known
    WHERE inverters.inverter_id = known.inverter_id AND known.event_time >= :since
    GROUP BY known.inverter_id, known.event_time
)

SELECT
    moments.inverter_id,
    moments.event_time,
    moments.event_id,
    'there is no reading' AS what,
    NULL AS ac_power_w,
    NULL AS expected_w
FROM moments
WHERE
    NOT EXISTS (
        SELECT 1
        FROM inverter_telemetry_clean AS clean
        WHERE clean.inverter_id = moments.inverter_id AND clean.event_time = moments.event_time
    )
UNION ALL
SELECT
    readings.inverter_id,
    readings.event_time,
    readings.event_id,
    CASE
        WHEN events.inverter_id <> readings.inverter_id OR events.event_time <> readings.event_time
            THEN 'the event is of another moment'
        WHEN EXISTS (
            SELECT 1
            FROM inverter_telemetry_raw AS greater
            WHERE
                greater.inverter_id = readings.inverter_id
                AND greater.event_time = readings.event_time
                AND greater.event_id > readings.event_id
        ) THEN 'another event has a greater id'
        ELSE 'the values differ'
    END,
    readings.ac_power_w,
    cast(events.ac_power * (ac_unit.watts * 1000) + 0.5 AS integer) / 1000.0
FROM readings
INNER JOIN inverter_telemetry_raw AS events ON readings.event_id = events.event_id
INNER JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
WHERE
    events.inverter_id <> readings.inverter_id
    OR events.event_time <> readings.event_time
    OR events.plant_id <> readings.plant_id
    OR readings.ac_power_w <> cast(events.ac_power * (ac_unit.watts * 1000) + 0.5 AS integer) / 1000.0
    OR readings.dc_power_w IS DISTINCT FROM cast(events.dc_power * (dc_unit.watts * 1000) + 0.5 AS integer) / 1000.0
    OR readings.energy_wh_total IS DISTINCT FROM cast(events.energy_wh_total * 1000 + 0.5 AS integer) / 1000.0
    OR readings.temperature_c IS DISTINCT FROM (
        cast((events.temperature_c + 300) * 1000 + 0.5 AS integer) - 300000
    ) / 1000.0
    OR readings.status IS DISTINCT FROM events.status
    OR EXISTS (
        SELECT 1
        FROM inverter_telemetry_raw AS greater
        WHERE
            greater.inverter_id = readings.inverter_id
            AND greater.event_time = readings.event_time
            AND greater.event_id > readings.event_id
    )
ORDER BY inverter_id, event_time, event_id
