-- A load changes what readers see: those whose plan lacks a month that was attached before must see nothing of it. Where it
-- replaces rows, also its own, they see nothing at all.
UPDATE loads
SET months = datasets.months, replaced = :replaced
FROM datasets
WHERE loads.load_id = :load_id AND datasets.dataset = loads.dataset
