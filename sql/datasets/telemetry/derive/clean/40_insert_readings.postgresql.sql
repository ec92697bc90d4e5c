-- One reading for each moment of an inverter: of the events that carry it, the one with the greatest id counts, as people count:
-- evt-10 is greater than evt-9. That does not depend on the order they came in. Power in watts, everything to three places, the
-- day by the clock of the plant.
-- Rounds with floor, as SQLite can too, so that both give the same. LATERAL, so that the events of the touched readings are
-- looked up, never all events read.
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
    floor(events.ac_power * (ac_unit.watts * 1000) + 0.5) / 1000,
    floor(events.dc_power * (dc_unit.watts * 1000) + 0.5) / 1000,
    floor(events.energy_wh_total * 1000 + 0.5) / 1000,
    (floor((events.temperature_c + 300) * 1000 + 0.5) - 300000) / 1000,
    events.status
FROM touched
CROSS JOIN
    LATERAL ( -- noqa: LT02
        SELECT *
        FROM inverter_telemetry_raw AS known
        WHERE
            known.inverter_id = touched.inverter_id -- noqa: RF03
            AND known.event_time = touched.event_time -- noqa: RF03
            AND NOT EXISTS (
                SELECT 1
                FROM inverter_telemetry_raw AS greater
                WHERE
                    greater.inverter_id = known.inverter_id
                    AND greater.event_time = known.event_time
                    AND greater.event_id <> known.event_id
                    AND (natural_key(greater.event_id), greater.event_id) > (natural_key(known.event_id), known.event_id)
            )
    ) AS events
INNER JOIN plants ON events.plant_id = plants.plant_id
LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
