-- Rows that are taken away go when that is shown.
UPDATE dataset_merges SET took_away = written + 1 WHERE dataset = :dataset
