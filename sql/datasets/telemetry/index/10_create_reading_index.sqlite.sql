-- As the migrations made it.
CREATE INDEX inverter_telemetry_raw_reading ON inverter_telemetry_raw (inverter_id, event_time, event_id)
