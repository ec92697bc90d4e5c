-- The schema that our tables are in.
SELECT schema_name() AS schema_name
