-- What is written of a load is noted with what becomes of it, and shown when all nodes have it. Nothing of datasets whose merges
-- are not seen at once.
UPDATE dataset_merges
SET
    written = dataset_merges.written + 1,
    load_id = loads.load_id,
    becomes = loads.status
FROM loads
WHERE dataset_merges.dataset = :dataset AND loads.load_id = :load_id
