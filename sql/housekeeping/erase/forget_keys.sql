-- Keys that are kept of a dataset's loads, as their files have them, may have the name. They only make loading faster.
DELETE FROM load_keys
WHERE load_id IN (SELECT loads.load_id FROM loads WHERE loads.dataset = :dataset)
