-- And the ledger says so: the load is public from now on, if it was not before.
UPDATE loads
SET status = :becomes, published_at = current_timestamp
WHERE load_id = :load_id AND :becomes = 'published' AND published_at IS NULL
