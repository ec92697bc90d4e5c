-- Whether keys of a load are kept.
SELECT load_id
FROM load_keys
WHERE load_id = :load_id
