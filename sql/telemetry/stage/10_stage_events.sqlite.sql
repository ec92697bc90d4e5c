-- Good events, typed. Adding zero makes zero of minus zero.
-- count: staged
-- SQLite has read the time already.
INSERT INTO :"staged" (
    chunk_no, line_no,
    event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit, energy_wh_total,
    temperature_c, status
)
SELECT
    :chunk_no,
    :first_line + line_in_chunk - 1,
    event_id,
    plant_id,
    inverter_id,
    event_utc,
    nullif(source, ''),
    cast(ac_power AS real) + 0.0,
    ac_power_unit,
    cast(nullif(dc_power, '') AS real) + 0.0,
    nullif(dc_power_unit, ''),
    cast(nullif(energy_wh_total, '') AS real) + 0.0,
    cast(nullif(temperature_c, '') AS real) + 0.0,
    nullif(status, '')
FROM :"raw"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no >= :first_line
    )
