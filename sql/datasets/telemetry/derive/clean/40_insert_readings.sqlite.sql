-- One reading for each moment of an inverter: of the events that carry it, the one with the greatest id counts, as people count:
-- evt-10 is greater than evt-9. That does not depend on the order they came in. Power in watts, everything to three places, the
-- day by the clock of the plant.
-- SQLite may have no floor, but a cast to integer is one for what is not negative. CROSS JOIN keeps it from reading all events
-- first: those of the touched readings are looked up.
-- Twin: without LATERAL, which SQLite does not know, PostgreSQL reads all events as soon as 40,000 of 300,000 readings are
-- touched.
INSERT INTO inverter_telemetry_clean (
    inverter_id, event_time, plant_id, day, event_id, source,
    ac_power_w, dc_power_w, energy_wh_total, temperature_c, status
)
SELECT
    events.inverter_id,
    events.event_time,
    events.plant_id,
    local_day(events.event_time, plants.timezone),
    events.event_id,
    events.source,
    cast(events.ac_power * (ac_unit.watts * 1000) + 0.5 AS integer) / 1000.0,
    cast(events.dc_power * (dc_unit.watts * 1000) + 0.5 AS integer) / 1000.0,
    cast(events.energy_wh_total * 1000 + 0.5 AS integer) / 1000.0,
    (cast((events.temperature_c + 300) * 1000 + 0.5 AS integer) - 300000) / 1000.0,
    events.status
FROM touched
CROSS JOIN inverter_telemetry_raw AS events
    ON touched.inverter_id = events.inverter_id AND touched.event_time = events.event_time
INNER JOIN plants ON events.plant_id = plants.plant_id
LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
WHERE
    NOT EXISTS (
        SELECT 1
        FROM inverter_telemetry_raw AS greater
        WHERE
            greater.inverter_id = events.inverter_id
            AND greater.event_time = events.event_time
            AND greater.event_id <> events.event_id
            AND (natural_key(greater.event_id), greater.event_id) > (natural_key(events.event_id), events.event_id)
    )
