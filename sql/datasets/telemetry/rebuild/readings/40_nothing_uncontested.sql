-- No event is new: what derives reads these as well.
CREATE TEMP VIEW uncontested AS
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
FROM inverter_telemetry_raw
WHERE 1 = 0
