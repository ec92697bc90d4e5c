-- Days are looked up among them.
CREATE UNIQUE INDEX added_days_key ON added_days (inverter_id, day)
