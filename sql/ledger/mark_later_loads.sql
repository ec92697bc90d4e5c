-- What later loads were counted as is not what is in history any more.
UPDATE loads
SET out_of_turn = TRUE
WHERE dataset = :dataset AND load_id > :load_id AND status = 'published'
