-- Audit: a share of the events carries ids of stored events of the same inverter at other times. One may have had its clock set
-- right; many are ids that start again, each day perhaps, and would overwrite what was measured before.
SELECT
    count(*) || ' of ' || min(loads.read) || ' events carry the event_id of an earlier event of another time: ids seem to start'
    || ' again' AS finding
FROM loads
CROSS JOIN :"staged" AS staged -- noqa: LT02
INNER JOIN inverter_telemetry_raw AS stored ON staged.event_id = stored.event_id
WHERE loads.load_id = :load_id AND staged.inverter_id = stored.inverter_id AND staged.event_time <> stored.event_time
HAVING count(*) > min(loads.read) * :max_contradicting_share AND count(*) > 2
