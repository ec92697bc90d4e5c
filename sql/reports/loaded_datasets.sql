-- The datasets that anything was ever loaded of.
SELECT datasets.dataset
FROM datasets
WHERE EXISTS (SELECT 1 FROM loads WHERE loads.dataset = datasets.dataset)
ORDER BY datasets.dataset
