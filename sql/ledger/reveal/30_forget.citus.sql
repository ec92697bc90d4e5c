-- The next one may be written.
UPDATE dataset_merges SET load_id = NULL, becomes = NULL WHERE dataset = :dataset
