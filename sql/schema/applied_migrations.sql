-- The migrations this database has been given (yoyo's own table).
SELECT
    migration_id,
    applied_at_utc AS applied_at
FROM _yoyo_migration
ORDER BY migration_id
