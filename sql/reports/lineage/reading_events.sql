-- Every version of every event that ever carried a reading, in the order of delivery, and the load, file, line and rules it came
-- by. Of several current events the one with the greatest id is the reading.
SELECT
    versions.state,
    versions.event_id,
    versions.load_id,
    loads.source,
    versions.line_no,
    versions.ac_power,
    versions.ac_power_unit,
    versions.energy_wh_total,
    loads.published_at,
    versions.replaced_by_load_id,
    loads.rules,
    loads.sha256
FROM (
    SELECT
        'current' AS state,
        event_id,
        ac_power,
        ac_power_unit,
        energy_wh_total,
        load_id,
        line_no,
        NULL AS replaced_by_load_id
    FROM inverter_telemetry_raw
    WHERE inverter_id = :inverter_id AND event_time = :event_time
    UNION ALL
    SELECT
        CASE
            WHEN replaced_by_load_id IS NULL THEN 'repeated'
            WHEN replaced_by_load_id = load_id THEN 'superseded'
            ELSE 'replaced'
        END AS state,
        event_id,
        ac_power,
        ac_power_unit,
        energy_wh_total,
        load_id,
        line_no,
        replaced_by_load_id
    FROM inverter_telemetry_raw_history
    WHERE inverter_id = :inverter_id AND event_time = :event_time
) AS versions
LEFT JOIN loads ON versions.load_id = loads.load_id
ORDER BY versions.load_id, versions.line_no
