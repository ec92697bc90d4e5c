DROP FUNCTION IF EXISTS is_json(text);
DROP TABLE IF EXISTS project_migrations;
