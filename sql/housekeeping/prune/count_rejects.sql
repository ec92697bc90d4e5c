-- What is pruned of a published load is counted; how each ended stays known.
INSERT INTO pruned_rejects (load_id, records)
SELECT
    load_id,
    count(*)
FROM prunable
WHERE state IN ('mended', 'dismissed')
GROUP BY load_id
ON CONFLICT (load_id) DO UPDATE SET records = pruned_rejects.records + excluded.records
