-- title: Energy
-- chart: columns by day; heat by plant, day
-- unit: kWh
-- glance: Energy
-- missing without_energy: days of an inverter without a usable counter; dbsvc check --dataset telemetry
-- What the counters say was produced, on each plant's local day. Where a counter is missing, the energy is unknown.
SELECT
    plant_id AS plant,
    cast(day AS text) AS day,
    cast(round(cast(sum(whole(energy_wh)) AS bigint) / 1000.0, 3) AS double precision) AS value,
    count(*) - count(energy_wh) AS without_energy
FROM inverter_daily_summary
WHERE day BETWEEN :since AND :until
GROUP BY plant_id, day
