-- The migrations this database has been given (yoyo's own table).
SELECT migration_id FROM _yoyo_migration ORDER BY migration_id
