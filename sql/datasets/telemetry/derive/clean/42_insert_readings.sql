-- They take their places.
INSERT INTO inverter_telemetry_clean/*:stored*/ (
    inverter_id, event_time, plant_id, day, event_id, source,
    ac_power_w, dc_power_w, energy_wh_total, temperature_c, status
)
SELECT *
FROM new_readings
