-- title: More power than the inverter can give
-- severity: warning
-- do: Compare capacity and unit of the power with the device. The registry is wrong? Load it corrected: dbsvc ingest FILE
-- runbook: power_above_capacity
-- :percent = 20: by how many percent the power may exceed the capacity
-- On these days an inverter reported more power than its capacity. The unit may be wrong (kW for W), or the registry is.

-- Inverter by inverter, so that their readings since that day are looked up.
SELECT
    readings.plant_id,
    readings.inverter_id,
    readings.day,
    count(*) AS readings,
    max(readings.ac_power_w) AS max_ac_power_w,
    inverters.capacity_kw
FROM inverters
CROSS JOIN inverter_telemetry_clean AS readings
WHERE
    inverters.inverter_id = readings.inverter_id
    AND readings.event_time >= add_days(:since, -1)
    AND readings.day >= :since
    AND readings.ac_power_w * 100 > inverters.capacity_kw * 1000 * (100 + :percent)
GROUP BY readings.plant_id, readings.inverter_id, readings.day, inverters.capacity_kw
ORDER BY readings.inverter_id, readings.day, readings.plant_id
