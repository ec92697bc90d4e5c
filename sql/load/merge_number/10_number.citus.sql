-- The number of the merge that is being written, if those of the dataset are seen at once.
SELECT written + 1 AS merge_no
FROM dataset_merges
WHERE dataset = :dataset
