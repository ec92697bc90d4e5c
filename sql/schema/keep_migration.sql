-- A migration of a project is applied, with this text.
INSERT INTO project_migrations (migration_id, sha256)
VALUES (:migration_id, :sha256)
ON CONFLICT (migration_id) DO UPDATE SET sha256 = excluded.sha256
