-- Or it is taken back.
UPDATE loads
SET status = :becomes, reverted_at = current_timestamp
WHERE load_id = :load_id AND :becomes = 'reverted'
