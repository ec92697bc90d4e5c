-- Of the events of a touched moment the one with the greatest id counts, as people count: evt-10 is greater than evt-9. That does
-- not depend on the order they came in. CROSS JOIN keeps SQLite from reading all events first: these are looked up.
-- Twin: without LATERAL, which SQLite does not know, PostgreSQL reads all events as soon as 40,000 of 300,000 readings are
-- touched.
CREATE TEMP VIEW winners AS
SELECT events.*
FROM touched
CROSS JOIN inverter_telemetry_raw AS events
    ON touched.inverter_id = events.inverter_id AND touched.event_time = events.event_time
WHERE
    NOT EXISTS (
        SELECT 1
        FROM inverter_telemetry_raw AS greater
        WHERE
            greater.inverter_id = events.inverter_id
            AND greater.event_time = events.event_time
            AND greater.event_id <> events.event_id
            AND (natural_key(greater.event_id), greater.event_id) > (natural_key(events.event_id), events.event_id)
    )
