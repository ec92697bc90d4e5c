-- Good events, typed. Power that validation let pass although it is negative is zero, and so is minus zero.
-- count: staged
-- SQLite has read the time already; its own cast misses the nearest float by a digit now and then.
-- Twin: SQLite has no type to read a time or a float with: it did so when the event landed, where PostgreSQL's own cast is
-- faster than its utc_time.
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
    event_utc,
    nullif(source, ''),
    max(nearest_float(nullif(ac_power, '')) + 0.0, 0.0),
    nullif(ac_power_unit, ''),
    max(nearest_float(nullif(dc_power, '')) + 0.0, 0.0),
    nullif(dc_power_unit, ''),
    nearest_float(nullif(energy_wh_total, '')) + 0.0,
    nearest_float(nullif(temperature_c, '')) + 0.0,
    nullif(status, '')
FROM :"landed"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
