-- title: Days whose energy counter could not be followed
-- severity: warning
-- do: Compare the counter with the device. The capacity is wrong? Load it corrected: dbsvc ingest FILE
-- runbook: energy_uncounted
-- On these days the counter of an inverter dipped, read zero, jumped, or came back lower: some of its values were counted over,
-- and what it says beyond what the inverter could make was not counted as energy.
SELECT
    summary.plant_id,
    summary.inverter_id,
    summary.day,
    summary.energy_wh,
    summary.energy_wh_uncounted,
    summary.counter_faults,
    inverters.capacity_kw
FROM inverter_daily_summary AS summary
INNER JOIN inverters ON summary.inverter_id = inverters.inverter_id
WHERE summary.day >= :since AND summary.counter_faults > 0
ORDER BY summary.inverter_id, summary.day, summary.plant_id
