-- An event that is sent again comes from the same inverter. An id belongs to the inverter that delivered it first: the one that
-- is stored, else that of the file's earliest line. Without this rule two inverters that both count their events from 1 would
-- overwrite each other's. IS TRUE keeps PostgreSQL from joining what is looked for by hash, where it may not join by hash.
INSERT INTO conflicts (line_no, reasons, record_key)
WITH several AS (
    SELECT event_id
    FROM :"staged"
    WHERE (event_id IN (SELECT repeated.event_id FROM repeated)) IS TRUE
    GROUP BY event_id
    HAVING min(inverter_id) <> max(inverter_id)
),

stored AS (
    SELECT
        staged.line_no,
        staged.event_id,
        staged.inverter_id,
        stored.inverter_id AS owner
    FROM :"staged" AS staged
    INNER JOIN inverter_telemetry_raw/*:stored*/ AS stored ON staged.event_id = stored.event_id
    WHERE
        staged.inverter_id <> stored.inverter_id
        OR staged.event_id IN (SELECT several.event_id FROM several)
),

owned AS (
    SELECT
        line_no,
        event_id,
        inverter_id,
        owner
    FROM stored
    UNION ALL
    SELECT
        line_no,
        event_id,
        inverter_id,
        first_value(inverter_id) OVER (PARTITION BY event_id ORDER BY line_no) AS owner
    FROM :"staged"
    WHERE
        (event_id IN (SELECT several.event_id FROM several)) IS TRUE
        AND event_id NOT IN (SELECT stored.event_id FROM stored)
)

SELECT
    line_no,
    'event_id_of_another_inverter',
    event_id
FROM owned
WHERE inverter_id <> owner
