DROP FUNCTION IF EXISTS local_day(timestamptz, text);
DROP FUNCTION IF EXISTS utc_time(text);
DROP TABLE IF EXISTS inverters_history;
DROP TABLE IF EXISTS inverters;
DROP TABLE IF EXISTS plants_history;
DROP TABLE IF EXISTS plants;
