-- Nothing is left of it.
UPDATE dataset_merges SET took_away = NULL WHERE dataset = :dataset
