-- The contract of an event. Returns the events that break it, each with the names of all the rules it breaks. What the reader
-- cannot take for a text or a number arrives as �.
-- Materialized, else every rule that asks for a number would read it again.
-- Twin: SQLite has no regular expressions, and a registered function for them would be called for each field of each record;
-- GLOB is built in.
WITH read AS MATERIALIZED (
    SELECT
        *,
        CASE
            WHEN
                length(ac_power) <= 40 AND ac_power GLOB '*[0-9]*' AND ac_power NOT GLOB '*.*.*'
                AND substr(ac_power, 1 + (ac_power GLOB '-*')) NOT GLOB '*[^0-9.]*'
                THEN cast(ac_power AS real)
        END AS ac,
        CASE
            WHEN
                length(dc_power) <= 40 AND dc_power GLOB '*[0-9]*' AND dc_power NOT GLOB '*.*.*'
                AND substr(dc_power, 1 + (dc_power GLOB '-*')) NOT GLOB '*[^0-9.]*'
                THEN cast(dc_power AS real)
        END AS dc,
        CASE
            WHEN
                length(energy_wh_total) <= 40 AND energy_wh_total GLOB '*[0-9]*' AND energy_wh_total NOT GLOB '*.*.*'
                AND substr(energy_wh_total, 1 + (energy_wh_total GLOB '-*')) NOT GLOB '*[^0-9.]*'
                THEN cast(energy_wh_total AS real)
        END AS energy,
        CASE
            WHEN
                length(temperature_c) <= 40 AND temperature_c GLOB '*[0-9]*' AND temperature_c NOT GLOB '*.*.*'
                AND substr(temperature_c, 1 + (temperature_c GLOB '-*')) NOT GLOB '*[^0-9.]*'
                THEN cast(temperature_c AS real)
        END AS temperature
    FROM :"landed"
),

validated AS (
    SELECT
        read.line_in_chunk,
        CASE
            -- nothing could be read of it
            WHEN read.fault LIKE '%json' OR read.fault LIKE '%object' OR read.fault LIKE '%key' THEN read.fault
            ELSE trim(
                read.fault
                || CASE
                    WHEN read.event_id = '' THEN ' event_id_missing'
                    WHEN length(read.event_id) > 200 THEN ' event_id_too_long'
                    WHEN read.event_id = '�' THEN ' event_id_invalid'
                    ELSE ''
                END
                || CASE
                    WHEN read.plant_id = '' THEN ' plant_id_missing'
                    WHEN read.plant_id NOT IN (SELECT plants.plant_id FROM plants) THEN ' plant_unknown'
                    ELSE ''
                END
                || CASE
                    WHEN read.inverter_id = '' THEN ' inverter_id_missing'
                    WHEN known.inverter_id IS NULL THEN ' inverter_unknown'
                    WHEN known.plant_id <> read.plant_id AND read.plant_id <> '' THEN ' inverter_of_another_plant'
                    ELSE ''
                END
                || CASE
                    WHEN read.event_time = '' THEN ' event_time_missing'
                    WHEN read.event_utc IS NULL AND utc_time(read.event_time || 'Z') IS NOT NULL THEN ' event_time_without_zone'
                    WHEN read.event_utc IS NULL THEN ' event_time_invalid'
                    -- a clock that was reset
                    WHEN read.event_utc < '2000-01-01' THEN ' event_time_too_old'
                    -- a clock that runs ahead; a day is more than the time zones of the world
                    WHEN read.event_utc > datetime('now', '+1 day') THEN ' event_time_in_future'
                    ELSE ''
                END
                || CASE
                    WHEN length(read.source) > 200 THEN ' source_too_long'
                    WHEN read.source = '�' THEN ' source_invalid'
                    ELSE ''
                END
                || CASE
                    -- at night some send their status or counter alone
                    WHEN read.ac_power = '' AND (read.status <> '' OR read.energy_wh_total <> '') THEN ''
                    WHEN read.ac_power = '' THEN ' ac_power_missing'
                    WHEN read.ac IS NULL THEN ' ac_power_invalid'
                    -- within a hundredth of the capacity, to the milliwatt, it is what a sensor says at rest
                    WHEN read.ac < 0 AND -read.ac * ac_unit.watts * 1000 <= known.capacity_kw * 10000 + 0.5 THEN ''
                    WHEN read.ac < 0 THEN ' ac_power_negative'
                    -- 100 MW: ten times the largest inverter there is
                    WHEN read.ac * ac_unit.watts > 100000000 THEN ' ac_power_impossible'
                    ELSE ''
                END
                || CASE
                    WHEN read.ac_power_unit = '' AND read.ac_power <> '' THEN ' ac_power_unit_missing'
                    WHEN read.ac_power_unit <> '' AND ac_unit.unit IS NULL THEN ' ac_power_unit_unknown'
                    ELSE ''
                END
                || CASE
                    WHEN read.dc_power = '' THEN ''
                    WHEN read.dc IS NULL THEN ' dc_power_invalid'
                    WHEN read.dc < 0 AND -read.dc * dc_unit.watts * 1000 <= known.capacity_kw * 10000 + 0.5 THEN ''
                    WHEN read.dc < 0 THEN ' dc_power_negative'
                    WHEN read.dc * dc_unit.watts > 100000000 THEN ' dc_power_impossible'
                    ELSE ''
                END
                || CASE
                    WHEN read.dc_power_unit = '' AND read.dc_power <> '' THEN ' dc_power_unit_missing'
                    WHEN read.dc_power_unit <> '' AND dc_unit.unit IS NULL THEN ' dc_power_unit_unknown'
                    ELSE ''
                END
                || CASE
                    WHEN read.energy_wh_total = '' THEN ''
                    WHEN read.energy IS NULL THEN ' energy_wh_total_invalid'
                    WHEN read.energy < 0 THEN ' energy_wh_total_negative'
                    -- 1 TWh: what no inverter counts to
                    WHEN read.energy > 1000000000000 THEN ' energy_wh_total_impossible'
                    ELSE ''
                END
                || CASE
                    WHEN read.temperature_c = '' THEN ''
                    WHEN read.temperature IS NULL THEN ' temperature_c_invalid'
                    WHEN read.temperature NOT BETWEEN -100 AND 200 THEN ' temperature_c_impossible'
                    ELSE ''
                END
                || CASE
                    WHEN length(read.status) > 200 THEN ' status_too_long'
                    WHEN read.status = '�' THEN ' status_invalid'
                    ELSE ''
                END
            )
        END AS reasons
    FROM read
    LEFT JOIN inverters AS known ON read.inverter_id = known.inverter_id
    LEFT JOIN power_units AS ac_unit ON read.ac_power_unit = ac_unit.unit
    LEFT JOIN power_units AS dc_unit ON read.dc_power_unit = dc_unit.unit
)

SELECT
    line_in_chunk,
    reasons
FROM validated
WHERE reasons <> ''
ORDER BY line_in_chunk
