-- An event that is sent again belongs to the inverter that it belonged to before. An id that comes from another inverter is no
-- new version of the event: inverters that count their events by themselves would overwrite each other. The id is whose event is
-- stored; if none is, whose event stands first in the file.
WITH shared AS (
    SELECT event_id
    FROM :"staged"
    GROUP BY event_id
    HAVING min(inverter_id) <> max(inverter_id)
),

firsts AS (
    SELECT min(line_no) AS line_no
    FROM :"staged"
    WHERE event_id IN (SELECT shared.event_id FROM shared)
    GROUP BY event_id
),

owners AS (
    SELECT
        owner.event_id,
        coalesce(stored.inverter_id, owner.inverter_id) AS inverter_id
    FROM firsts
    INNER JOIN :"staged" AS owner ON firsts.line_no = owner.line_no
    LEFT JOIN inverter_telemetry_raw AS stored ON owner.event_id = stored.event_id
)

SELECT
    staged.line_no, -- noqa: RF01
    'event_id_of_another_inverter' AS reasons
FROM :"staged" AS staged
INNER JOIN owners ON staged.event_id = owners.event_id
WHERE staged.inverter_id <> owners.inverter_id
UNION
SELECT
    staged.line_no, -- noqa: RF01
    'event_id_of_another_inverter' AS reasons
FROM :"staged" AS staged
INNER JOIN inverter_telemetry_raw AS stored ON staged.event_id = stored.event_id
WHERE staged.inverter_id <> stored.inverter_id
