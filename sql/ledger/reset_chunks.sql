-- Staging starts over.
UPDATE load_chunks SET read = NULL, staged = NULL, rejected = NULL WHERE load_id = :load_id
