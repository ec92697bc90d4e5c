-- Audit: a share of the events carries ids that belong to other inverters. Then the ids are not unique: each inverter counts by
-- itself. A single one, in a small piece, may be a slip of one device.
SELECT
    count(*) || ' of ' || min(loads.read) || ' events carry the event_id of another inverter''s event: ids seem to be counted by'
    || ' each inverter for itself' AS finding
FROM loads
INNER JOIN rejects ON loads.load_id = rejects.load_id
WHERE loads.load_id = :load_id AND rejects.reasons LIKE '%event_id_of_another_inverter%'
HAVING count(*) > min(loads.read) * :max_contradicting_share AND count(*) > 1
