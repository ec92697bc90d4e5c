DROP TABLE IF EXISTS inverters_history;
DROP TABLE IF EXISTS inverters;
DROP TABLE IF EXISTS plants_history;
DROP TABLE IF EXISTS plants;
