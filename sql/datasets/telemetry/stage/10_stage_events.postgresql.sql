-- Good events, typed. Power that validation let pass although it is negative is zero, and so is minus zero.
-- count: staged
-- The casts are PostgreSQL's. One of them reads the time faster than utc_time, now that validation has looked at it; but it must
-- be spelled as most are: PostgreSQL reads others its own way.
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
    CASE
        WHEN event_time ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$'
            THEN event_time::timestamptz
        ELSE utc_time(event_time)
    END,
    nullif(source, ''),
    CASE WHEN ac_power <> '' THEN greatest(ac_power::double precision + 0, 0) END,
    nullif(ac_power_unit, ''),
    CASE WHEN dc_power <> '' THEN greatest(dc_power::double precision + 0, 0) END,
    nullif(dc_power_unit, ''),
    nullif(energy_wh_total, '')::double precision + 0,
    nullif(temperature_c, '')::double precision + 0,
    nullif(status, '')
FROM :"landed"
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
