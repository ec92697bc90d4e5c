-- Keys of a dataset's loads are kept until these are published or discarded: they tell where rows are placed before that.
DELETE FROM load_keys
WHERE
    load_id IN (
        SELECT loads.load_id
        FROM loads
        WHERE loads.dataset = :dataset AND loads.status NOT IN ('staging', 'staged', 'held')
    )
