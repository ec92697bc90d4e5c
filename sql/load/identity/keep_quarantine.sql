-- Rejects are validated again, and leave the quarantine for that: those that turn out to be conflicts go back with their bytes.
CREATE TEMP TABLE quarantine AS
SELECT
    line_no,
    raw_record
FROM rejects
WHERE load_id = :load_id
