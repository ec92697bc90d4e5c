-- depends: 0020_plans_of_before

-- The migrations of a project that were applied: their names, and the SHA-256 of what stood in them.
CREATE TABLE IF NOT EXISTS project_migrations (
    migration_id text PRIMARY KEY,
    sha256 text NOT NULL
) WITHOUT ROWID;

-- The function is_json, which PostgreSQL gets here, comes with the engine.
