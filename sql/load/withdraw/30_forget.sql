-- And nothing to account for.
DELETE FROM load_days WHERE load_id = :load_id
