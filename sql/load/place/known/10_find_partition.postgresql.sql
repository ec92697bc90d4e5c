-- Whether there is a partition of that name.
SELECT 1 AS known WHERE to_regclass(quote_ident(:partition_name)) IS NOT NULL
