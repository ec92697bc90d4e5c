DROP VIEW IF EXISTS inverter_latest_state;
DROP TABLE IF EXISTS inverter_daily_summary;
DROP TABLE IF EXISTS inverter_telemetry_clean;
DROP TABLE IF EXISTS inverter_telemetry_raw_history;
DROP TABLE IF EXISTS inverter_telemetry_raw;
DROP TABLE IF EXISTS power_units;
