-- depends: 0023_projects

-- The sum that the average power of a day is taken of, so that a late reading is added without summing up its day again. Null:
-- the day was summed up before; the next reading of it sums it up anew.
ALTER TABLE inverter_daily_summary ADD COLUMN milliwatts integer;
