-- Readings without power stay: their columns go on allowing nulls.
ALTER TABLE inverter_daily_summary DROP COLUMN points_with_power;
ALTER TABLE inverter_daily_summary DROP COLUMN energy_wh_uncounted;
ALTER TABLE inverter_daily_summary DROP COLUMN counter_faults;
