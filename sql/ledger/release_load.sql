-- An operator has looked, and wants it published.
UPDATE loads SET status = 'staged', released = TRUE WHERE load_id = :load_id
