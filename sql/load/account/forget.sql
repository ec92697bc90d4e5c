-- No row stands by the load.
DELETE FROM load_days WHERE load_id = :load_id
