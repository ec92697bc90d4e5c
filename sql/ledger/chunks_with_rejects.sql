-- The chunks of a load that have records in quarantine.
SELECT * FROM load_chunks WHERE load_id = :load_id AND rejected > 0 ORDER BY chunk_no
