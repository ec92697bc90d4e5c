-- Staging starts over, under the rules of today.
UPDATE loads
SET status = 'staging', rules = :rules, released = :released, held_because = NULL, read = 0, rejected = 0
WHERE load_id = :load_id
