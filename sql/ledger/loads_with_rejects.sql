-- Loads whose quarantine can be validated again, in the order they were delivered.
SELECT
    load_id,
    dataset
FROM loads
WHERE rejected > 0 AND status IN ('held', 'published')
ORDER BY load_id
