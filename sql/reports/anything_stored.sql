-- Returns a row if anything was ever loaded or fetched. What was given up was not.
SELECT 1 AS anything
WHERE EXISTS (SELECT 1 FROM loads WHERE status <> 'discarded') OR EXISTS (SELECT 1 FROM fx_rates)
