-- Of the events of a touched moment the one with the greatest id counts, as people count: evt-10 is greater than evt-9. That does
-- not depend on the order they came in. LATERAL, so that these events are looked up, never all events read.
-- Twin: without LATERAL, which SQLite does not know, PostgreSQL reads all events as soon as 40,000 of 300,000 readings are
-- touched.
CREATE TEMP VIEW winners AS
SELECT events.*
FROM touched
CROSS JOIN
    LATERAL ( -- noqa: LT02
        SELECT *
        FROM inverter_telemetry_raw AS known
        WHERE
            known.inverter_id = touched.inverter_id -- noqa: RF03
            AND known.event_time = touched.event_time -- noqa: RF03
            AND NOT EXISTS (
                SELECT 1
                FROM inverter_telemetry_raw AS greater
                WHERE
                    greater.inverter_id = known.inverter_id
                    AND greater.event_time = known.event_time
                    AND greater.event_id <> known.event_id
                    AND (natural_key(greater.event_id), greater.event_id) > (natural_key(known.event_id), known.event_id)
            )
    ) AS events
