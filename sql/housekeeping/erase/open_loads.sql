-- Loads of a dataset whose rows wait to be published.
SELECT *
FROM loads
WHERE dataset = :dataset AND status IN ('staging', 'staged', 'held')
ORDER BY load_id
