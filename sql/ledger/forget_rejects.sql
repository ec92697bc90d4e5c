-- Staging starts over, and will judge every record again.
DELETE FROM rejects WHERE load_id = :load_id
