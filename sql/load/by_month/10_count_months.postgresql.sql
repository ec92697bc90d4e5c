-- How many months a load is staged by that are still apart from the stored ones, besides the rest.
SELECT count(*) - 1 AS months
FROM pg_inherits
WHERE inhparent = to_regclass(quote_ident(:staged_name))
HAVING count(*) > 1
