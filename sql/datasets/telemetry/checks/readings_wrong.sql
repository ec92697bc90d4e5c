-- title: Readings that differ from the events
-- severity: critical
-- do: Derive them again: dbsvc db rebuild readings. Nothing of the program damages them: find out who changed telemetry
-- runbook: readings_wrong
-- A reading is what an inverter measured at a moment: the event with the greatest id (as people count), in watts. Here events
-- of a moment have no reading, or the reading is not theirs. Looks at moments since the first day, by UTC.

-- Rounds as the statement that writes readings does. Inverter by inverter, so that their rows are looked up.
WITH wrong AS (
    SELECT
        events.inverter_id,
        events.event_time,
        events.event_id,
        CASE WHEN readings.event_id IS NULL THEN 'there is no reading' ELSE 'the reading is of a lesser event' END AS what,
        readings.ac_power_w,
        NULL AS expected_w
    FROM inverters
    CROSS JOIN gathered(inverter_telemetry_raw, event_time, :since) AS events -- noqa: RF02, RF03
    LEFT JOIN gathered(inverter_telemetry_clean, event_time, :since) AS readings -- noqa: RF02, RF03
        ON
            events.inverter_id = readings.inverter_id
            AND events.event_time = readings.event_time
            AND readings.event_time >= :since
    WHERE
        inverters.inverter_id = events.inverter_id
        AND events.event_time >= :since
        AND events.event_id <> coalesce(readings.event_id, '')
        AND (natural_key(events.event_id), events.event_id)
        > (natural_key(coalesce(readings.event_id, '')), coalesce(readings.event_id, ''))
        AND NOT EXISTS (
            SELECT 1
            FROM gathered(inverter_telemetry_raw, event_time, :since) AS greater -- noqa: RF02, RF03
            WHERE
                greater.inverter_id = events.inverter_id
                AND greater.event_time = events.event_time
                AND greater.event_id <> events.event_id
                AND (natural_key(greater.event_id), greater.event_id) > (natural_key(events.event_id), events.event_id)
        )
    UNION ALL
    SELECT
        readings.inverter_id,
        readings.event_time,
        readings.event_id,
        CASE
            WHEN events.inverter_id = readings.inverter_id AND events.event_time = readings.event_time THEN 'the values differ'
            ELSE 'the event is of another moment'
        END,
        readings.ac_power_w,
        whole(events.ac_power * (ac_unit.watts * 1000) + 0.5) / 1000.0
    FROM inverters
    CROSS JOIN gathered(inverter_telemetry_clean, event_time, :since) AS readings -- noqa: RF02, RF03
    INNER JOIN gathered(inverter_telemetry_raw, event_time, :since) AS events -- noqa: RF02, RF03
        ON readings.event_id = events.event_id
    LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
    LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
    WHERE
        inverters.inverter_id = readings.inverter_id
        AND readings.event_time >= :since
        AND (
            events.inverter_id <> readings.inverter_id
            OR events.event_time <> readings.event_time
            OR events.plant_id <> readings.plant_id
            OR readings.ac_power_w IS DISTINCT FROM whole(events.ac_power * (ac_unit.watts * 1000) + 0.5) / 1000.0
            OR readings.dc_power_w IS DISTINCT FROM whole(events.dc_power * (dc_unit.watts * 1000) + 0.5) / 1000.0
            OR readings.energy_wh_total IS DISTINCT FROM whole(events.energy_wh_total * 1000 + 0.5) / 1000.0
            OR readings.temperature_c IS DISTINCT FROM (
                whole((events.temperature_c + 300) * 1000 + 0.5) - 300000
            ) / 1000.0
            OR readings.source IS DISTINCT FROM events.source
            OR readings.status IS DISTINCT FROM events.status
        )
)

SELECT
    inverter_id,
    event_time,
    event_id,
    what,
    ac_power_w,
    expected_w
FROM wrong
ORDER BY inverter_id, event_time, event_id
