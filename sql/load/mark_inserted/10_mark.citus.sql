-- Rows that were in quarantine are of a load that readers see: they are seen from this merge on.
UPDATE :"table"
SET since = :merge_no
WHERE load_id = :load_id AND line_no IN (SELECT changes.line_no FROM changes WHERE changes.bucket = 'inserted')
