-- Until then the load is what it was before.
UPDATE loads
SET
    status = :status,
    published_at = CASE WHEN :status = 'published' THEN loads.published_at END,
    reverted_at = NULL,
    merge_no = CASE WHEN :status = 'published' THEN loads.merge_no ELSE dataset_merges.written END
FROM dataset_merges
WHERE dataset_merges.dataset = :dataset AND loads.load_id = :load_id
