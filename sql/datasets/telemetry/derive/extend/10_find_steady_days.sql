-- Days that gain readings of new events and nothing else, whose counter was followed from the first reading to the last without a
-- fault or a restart: then what it counted is what lies between the two. These are not joined, for a database that knows nothing
-- of the tables yet reads all readings of an inverter to find one.
CREATE TEMP TABLE steady_days AS
SELECT
    summaries.plant_id,
    summaries.inverter_id,
    summaries.day,
    added_days.readings,
    inverters.capacity_kw
FROM added_days
INNER JOIN inverter_daily_summary/*:stored*/ AS summaries
    ON added_days.inverter_id = summaries.inverter_id AND added_days.day = summaries.day
INNER JOIN inverters ON added_days.inverter_id = inverters.inverter_id
WHERE
    summaries.milliwatts IS NOT NULL
    AND summaries.counter_faults = 0
    AND summaries.energy_wh_uncounted = 0
    AND (summaries.inverter_id, summaries.day) NOT IN (SELECT * FROM touched_days) -- noqa: RF02
    AND round(summaries.energy_wh * 1000) = (
        SELECT round(ends.energy_wh_total * 1000)
        FROM inverter_telemetry_clean/*:stored*/ AS ends
        WHERE ends.inverter_id = summaries.inverter_id AND ends.event_time = summaries.last_event_time
    ) - (
        SELECT round(begins.energy_wh_total * 1000)
        FROM inverter_telemetry_clean/*:stored*/ AS begins
        WHERE begins.inverter_id = summaries.inverter_id AND begins.event_time = summaries.first_event_time
    )
