-- One reading for each moment of an inverter: of the new event that has it to itself, or of the one that wins. Where a changed
-- event has moved to the moment of a new one, that moment is touched. Power in watts, everything to three places (half up, for
-- nothing is negative), the day by the clock of the plant, which is asked for once: the next phase counts by it.
CREATE TEMP TABLE new_readings AS
SELECT
    events.inverter_id,
    events.event_time,
    events.plant_id,
    local_day(events.event_time, plants.timezone) AS day,
    events.event_id,
    events.source,
    whole(events.ac_power * (ac_unit.watts * 1000) + 0.5) / 1000.0 AS ac_power_w,
    whole(events.dc_power * (dc_unit.watts * 1000) + 0.5) / 1000.0 AS dc_power_w,
    whole(events.energy_wh_total * 1000 + 0.5) / 1000.0 AS energy_wh_total,
    (whole((events.temperature_c + 300) * 1000 + 0.5) - 300000) / 1000.0 AS temperature_c,
    events.status
FROM (
    SELECT
        inverter_id,
        event_time,
        plant_id,
        event_id,
        source,
        ac_power,
        ac_power_unit,
        dc_power,
        dc_power_unit,
        energy_wh_total,
        temperature_c,
        status
    FROM new_events
    WHERE (inverter_id, event_time) NOT IN (SELECT * FROM touched) -- noqa: RF02
    UNION ALL
    SELECT
        inverter_id,
        event_time,
        plant_id,
        event_id,
        source,
        ac_power,
        ac_power_unit,
        dc_power,
        dc_power_unit,
        energy_wh_total,
        temperature_c,
        status
    FROM winners
) AS events
INNER JOIN plants ON events.plant_id = plants.plant_id
LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
ORDER BY insert_order(events.inverter_id, events.event_time)
