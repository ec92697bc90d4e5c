-- What a dataset's loads were accounted for counts no more: its rows are accounted for as they are now.
DELETE FROM load_days
WHERE load_id IN (SELECT loads.load_id FROM loads WHERE loads.dataset = :dataset)
