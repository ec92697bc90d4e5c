-- May we write? This is taken back.
INSERT INTO project_migrations (migration_id, sha256) VALUES ('doctor', '')
