DROP TABLE IF EXISTS load_samples;
