-- A load that is given up, taken back, or staged once more from its start, leaves no row behind.
-- count: removed
DELETE FROM :"table"
WHERE load_id = :load_id
