-- depends: 0004_registries

-- Telemetry: events as they came (raw), readings (clean), days (summary). Measurements are binary floats, which is what sensors
-- send; sums and averages are taken in whole milliwatts and milliwatt-hours, so that every database gives the same.

INSERT INTO datasets (dataset) VALUES ('telemetry') ON CONFLICT DO NOTHING;

-- The units of power. Case matters: mW would be a thousandth of a watt.
CREATE TABLE IF NOT EXISTS power_units (
    unit text PRIMARY KEY,
    watts integer NOT NULL
);

INSERT INTO power_units (unit, watts) VALUES ('W', 1), ('kW', 1000), ('MW', 1000000) ON CONFLICT DO NOTHING;

-- One row an event, with the values it came with. Sent again, the newest event_time wins, then the last delivery.
-- No foreign keys: the judge has looked the inverter up, registries never lose a row, and a key check a row costs as much as the
-- insert.
CREATE TABLE IF NOT EXISTS inverter_telemetry_raw (
    event_id text PRIMARY KEY CHECK (event_id <> ''),
    plant_id text NOT NULL,
    inverter_id text NOT NULL,
    event_time utc_timestamp NOT NULL,
    source text,
    ac_power real NOT NULL CHECK (ac_power >= 0),
    ac_power_unit text NOT NULL,
    dc_power real CHECK (dc_power >= 0),
    dc_power_unit text,
    energy_wh_total real CHECK (energy_wh_total >= 0),
    temperature_c real,
    status text,
    load_id integer NOT NULL,
    line_no integer NOT NULL
) WITHOUT ROWID;

-- "Which events carry this reading?" is asked for every reading that a load touches.
CREATE INDEX IF NOT EXISTS inverter_telemetry_raw_reading ON inverter_telemetry_raw (inverter_id, event_time, event_id);

-- Deliveries of an event that are not the newest (see bills_history).
CREATE TABLE IF NOT EXISTS inverter_telemetry_raw_history (
    event_id text NOT NULL,
    plant_id text NOT NULL,
    inverter_id text NOT NULL,
    event_time utc_timestamp NOT NULL,
    source text,
    ac_power real NOT NULL,
    ac_power_unit text NOT NULL,
    dc_power real,
    dc_power_unit text,
    energy_wh_total real,
    temperature_c real,
    status text,
    load_id integer NOT NULL,
    line_no integer NOT NULL,
    replaced_by_load_id integer,
    PRIMARY KEY (event_id, load_id, line_no)
) WITHOUT ROWID;

-- Finds the few rows that wait for an older load, in a table that may be large.
CREATE INDEX IF NOT EXISTS inverter_telemetry_raw_history_repeats
ON inverter_telemetry_raw_history (load_id) WHERE replaced_by_load_id IS NULL;

-- One row a reading: what an inverter measured at a moment, in watts, on the plant's local day. Of several events with the same
-- moment the one with the greatest event_id counts, whatever the order they came in.
CREATE TABLE IF NOT EXISTS inverter_telemetry_clean (
    inverter_id text NOT NULL,
    event_time utc_timestamp NOT NULL,
    plant_id text NOT NULL,
    day date NOT NULL,
    event_id text NOT NULL,
    source text,
    ac_power_w real NOT NULL CHECK (ac_power_w >= 0),
    dc_power_w real CHECK (dc_power_w >= 0),
    energy_wh_total real CHECK (energy_wh_total >= 0),
    temperature_c real,
    status text,
    -- also finds a day's readings: they lie within a day and a half around it
    PRIMARY KEY (inverter_id, event_time)
) WITHOUT ROWID;

-- One row a day of an inverter at a plant.
CREATE TABLE IF NOT EXISTS inverter_daily_summary (
    plant_id text NOT NULL REFERENCES plants (plant_id),
    inverter_id text NOT NULL REFERENCES inverters (inverter_id),
    -- by the plant's clock
    day date NOT NULL,
    avg_ac_power_w real NOT NULL,
    max_ac_power_w real NOT NULL,
    points integer NOT NULL CHECK (points > 0),
    -- what the counter says was produced between the day's readings; null if fewer than two carry it
    energy_wh real CHECK (energy_wh >= 0),
    first_event_time utc_timestamp NOT NULL,
    last_event_time utc_timestamp NOT NULL CHECK (last_event_time >= first_event_time),
    -- the inverter leads: an inverter that moved has rows of two plants on one day
    PRIMARY KEY (inverter_id, day, plant_id)
) WITHOUT ROWID;

-- Each inverter's latest reading, by the time of the event and not of its arrival.
CREATE VIEW IF NOT EXISTS inverter_latest_state AS
SELECT
    readings.plant_id,
    readings.inverter_id,
    readings.event_time,
    readings.status,
    readings.ac_power_w,
    readings.dc_power_w,
    readings.energy_wh_total,
    readings.temperature_c,
    readings.event_id
FROM inverters
-- keeps SQLite from reading all readings first: for each inverter, its latest is looked up
CROSS JOIN inverter_telemetry_clean AS readings
WHERE
    inverters.inverter_id = readings.inverter_id
    AND readings.event_time = (
        SELECT max(later.event_time)
        FROM inverter_telemetry_clean AS later
        WHERE later.inverter_id = inverters.inverter_id
    );
