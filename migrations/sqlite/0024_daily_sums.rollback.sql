ALTER TABLE inverter_daily_summary DROP COLUMN milliwatts;
