-- The load is taken back: no row stands by it any more.
UPDATE loads
SET status = 'reverted', reverted_at = current_timestamp, removed = :removed
WHERE load_id = :load_id
