-- An operator has looked, and wants none of it.
UPDATE loads SET status = 'discarded' WHERE load_id = :load_id
