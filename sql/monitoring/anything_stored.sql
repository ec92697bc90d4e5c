-- Returns a row if anything was ever loaded or fetched.
SELECT 1 AS anything
WHERE EXISTS (SELECT 1 FROM loads) OR EXISTS (SELECT 1 FROM fx_rates)
