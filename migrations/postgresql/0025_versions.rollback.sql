DROP TABLE IF EXISTS load_versions;
