-- What is pruned is counted, by the load that brought it and the load that replaced it.
INSERT INTO pruned_history (load_id, replaced_by_load_id, records)
SELECT
    load_id,
    replaced_by_load_id,
    count(*)
FROM prunable
GROUP BY load_id, replaced_by_load_id
ON CONFLICT (load_id, replaced_by_load_id) DO UPDATE SET records = pruned_history.records + excluded.records
