-- Whether there is a partition of that name. By the catalog's rows, as this statement sees them: to_regclass() may remember from
-- before we waited for the lock that there was none.
SELECT 1 AS known
FROM pg_class
INNER JOIN pg_class AS stored ON pg_class.relnamespace = stored.relnamespace
WHERE pg_class.relname = :partition_name AND stored.oid = to_regclass(quote_ident(:stored_name))
