DROP TABLE IF EXISTS load_streams;
