-- One reading for each touched moment: of the events that carry it, the one with the greatest id, as on PostgreSQL. The
-- events of a moment lie on several nodes, so they are gathered first: neither LATERAL nor a comparison with each other can be
-- sent there.
INSERT INTO inverter_telemetry_clean (
    inverter_id, event_time, plant_id, day, event_id, source,
    ac_power_w, dc_power_w, energy_wh_total, temperature_c, status
)
WITH known AS MATERIALIZED (
    SELECT
        events.inverter_id,
        events.event_time,
        events.plant_id,
        events.event_id,
        events.source,
        events.ac_power * (ac_unit.watts * 1000) AS ac_milliwatts,
        events.dc_power * (dc_unit.watts * 1000) AS dc_milliwatts,
        events.energy_wh_total * 1000 AS energy_mwh,
        events.temperature_c,
        events.status,
        local_day(events.event_time, plants.timezone) AS day
    FROM touched
    INNER JOIN inverter_telemetry_raw AS events
        ON touched.inverter_id = events.inverter_id AND touched.event_time = events.event_time
    INNER JOIN plants ON events.plant_id = plants.plant_id
    LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
    LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
)

SELECT DISTINCT ON (inverter_id, event_time)
    inverter_id,
    event_time,
    plant_id,
    day,
    event_id,
    source,
    floor(ac_milliwatts + 0.5) / 1000,
    floor(dc_milliwatts + 0.5) / 1000,
    floor(energy_mwh + 0.5) / 1000,
    (floor((temperature_c + 300) * 1000 + 0.5) - 300000) / 1000,
    status
FROM known
ORDER BY inverter_id ASC, event_time ASC, natural_key(event_id) DESC, event_id DESC
