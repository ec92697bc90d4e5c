-- Of a load that is taken back no version is missing.
DELETE FROM pruned_history
WHERE load_id = :load_id
