-- The migrations of a project that this database has been given, and what tells their texts from others.
SELECT
    migration_id,
    sha256
FROM project_migrations
ORDER BY migration_id
