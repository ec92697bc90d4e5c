DROP TABLE IF EXISTS load_profiles;
