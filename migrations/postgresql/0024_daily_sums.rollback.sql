ALTER TABLE inverter_daily_summary DROP COLUMN IF EXISTS milliwatts;
