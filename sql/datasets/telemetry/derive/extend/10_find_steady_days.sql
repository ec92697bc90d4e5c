-- Days that gain readings of new events and nothing else, whose counter was followed from the first reading to the last without a
-- fault or a restart: then what it counted is what lies between the two.
CREATE TEMP TABLE steady_days AS
SELECT
    summaries.plant_id,
    summaries.inverter_id,
    summaries.day,
    added_days.readings,
    inverters.capacity_kw
FROM added_days
INNER JOIN inverter_daily_summary AS summaries
    ON added_days.inverter_id = summaries.inverter_id AND added_days.day = summaries.day
INNER JOIN inverters ON summaries.inverter_id = inverters.inverter_id
INNER JOIN inverter_telemetry_clean AS begins
    ON summaries.inverter_id = begins.inverter_id AND summaries.first_event_time = begins.event_time
INNER JOIN inverter_telemetry_clean AS ends
    ON summaries.inverter_id = ends.inverter_id AND summaries.last_event_time = ends.event_time
WHERE
    summaries.milliwatts IS NOT NULL
    AND summaries.counter_faults = 0
    AND summaries.energy_wh_uncounted = 0
    AND round(summaries.energy_wh * 1000) = round(ends.energy_wh_total * 1000) - round(begins.energy_wh_total * 1000)
    AND (summaries.inverter_id, summaries.day) NOT IN (SELECT * FROM touched_days) -- noqa: RF02
