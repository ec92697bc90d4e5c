-- Each late reading asks for its day.
CREATE UNIQUE INDEX steady_days_key ON steady_days (inverter_id, day, plant_id)
