-- A record in quarantine stays as it came, but for the name.
UPDATE rejects
SET raw_record = :raw_record
WHERE load_id = :load_id AND line_no = :line_no
