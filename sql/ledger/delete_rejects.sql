-- Staging starts over, and validates every record again.
DELETE FROM rejects WHERE load_id = :load_id
