-- Readings without power stay: their columns go on allowing nulls. utc_time goes on reading more spellings.
ALTER TABLE inverter_daily_summary DROP COLUMN IF EXISTS points_with_power;
ALTER TABLE inverter_daily_summary DROP COLUMN IF EXISTS energy_wh_uncounted;
ALTER TABLE inverter_daily_summary DROP COLUMN IF EXISTS counter_faults;
DROP FUNCTION IF EXISTS counted_energy;
DROP FUNCTION IF EXISTS natural_key;
