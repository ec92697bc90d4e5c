-- Loads of bills that are registered and not published: what they have staged is in no sum yet.
SELECT *
FROM loads
WHERE dataset = 'usage' AND status IN ('staging', 'staged', 'held')
ORDER BY load_id
