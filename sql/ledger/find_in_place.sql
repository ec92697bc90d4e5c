-- Loads that are not published, and may have rows in their dataset's table.
SELECT *
FROM loads
WHERE dataset = :dataset AND in_place AND status IN ('staging', 'staged', 'held')
ORDER BY load_id
