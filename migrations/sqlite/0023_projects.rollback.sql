DROP TABLE IF EXISTS project_migrations;
