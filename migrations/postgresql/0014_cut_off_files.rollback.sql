DROP TABLE IF EXISTS load_endings;
