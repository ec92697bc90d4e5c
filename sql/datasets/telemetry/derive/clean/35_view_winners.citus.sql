-- Of the events of a touched moment the one with the greatest id counts, as on PostgreSQL.
-- Twin: the events of a moment lie on several nodes, so they are gathered first: neither LATERAL nor a comparison with each other
-- can be sent there.
CREATE TEMP VIEW winners AS
SELECT DISTINCT ON (events.inverter_id, events.event_time) events.*
FROM touched
INNER JOIN inverter_telemetry_raw/*:stored*/ AS events
    ON touched.inverter_id = events.inverter_id AND touched.event_time = events.event_time
ORDER BY events.inverter_id ASC, events.event_time ASC, natural_key(events.event_id) DESC, events.event_id DESC
