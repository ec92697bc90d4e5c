-- Rows of a load that readers see are there until the taking back is shown.
-- count: removed
UPDATE :"table"
SET until = :merge_no
WHERE load_id = :load_id
