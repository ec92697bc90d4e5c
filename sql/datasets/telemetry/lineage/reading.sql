-- key: inverter_id, event_time
-- values: event_id, ac_power, ac_power_unit, energy_wh_total
-- `dbsvc lineage reading INVERTER TIME`: a reading, and the summary of its day. rows/reading.sql finds its events.
SELECT
    readings.plant_id,
    readings.day,
    readings.event_id,
    readings.ac_power_w,
    readings.dc_power_w,
    readings.energy_wh_total,
    readings.temperature_c,
    readings.status,
    summaries.points AS points_of_the_day,
    summaries.avg_ac_power_w AS average_of_the_day
FROM inverter_telemetry_clean AS readings
LEFT JOIN inverter_daily_summary AS summaries
    ON
        readings.inverter_id = summaries.inverter_id
        AND readings.day = summaries.day
        AND readings.plant_id = summaries.plant_id
WHERE readings.inverter_id = :key_1 AND readings.event_time = :key_2
