-- title: One reading under several event ids
-- severity: warning
-- do: Nothing is counted twice. Tell the plant that its gateway makes new event ids when it sends again
-- runbook: readings_repeated
-- Several events carry the same moment of the same inverter. Only the one with the greatest event id (as people count) counts;
-- when they do not say the same, nobody knows whether it is the right one.
WITH repeated AS (
    SELECT
        inverters.inverter_id,
        raw.event_time,
        count(*) AS events
    FROM inverters -- whose events since then are looked up, in the order of the index
    CROSS JOIN gathered(inverter_telemetry_raw, event_time, :since) AS raw -- noqa: RF02, RF03
    WHERE inverters.inverter_id = raw.inverter_id AND raw.event_time >= add_days(:since, -1)
    GROUP BY inverters.inverter_id, raw.event_time
    HAVING count(*) > 1
)

SELECT
    clean.plant_id,
    repeated.inverter_id,
    clean.day,
    repeated.event_time,
    repeated.events,
    (
        SELECT raw.event_id
        FROM gathered(inverter_telemetry_raw, event_time, :since) AS raw -- noqa: RF02, RF03
        WHERE raw.inverter_id = repeated.inverter_id AND raw.event_time = repeated.event_time
        ORDER BY natural_key(raw.event_id), raw.event_id
        LIMIT 1
    ) AS first_event_id,
    clean.event_id AS last_event_id
FROM repeated
INNER JOIN gathered(inverter_telemetry_clean, event_time, :since) AS clean -- noqa: RF02, RF03
    ON repeated.inverter_id = clean.inverter_id AND repeated.event_time = clean.event_time
WHERE clean.day >= :since
ORDER BY repeated.inverter_id, repeated.event_time
