-- depends: 0003_streams

-- Plants and inverters, as the registries say it.


INSERT INTO datasets (dataset) VALUES ('plants'), ('inverters') ON CONFLICT DO NOTHING;

-- One row a plant: its newest delivery. load_id and line_no say which record of which file it was.
CREATE TABLE IF NOT EXISTS plants (
    plant_id text PRIMARY KEY CHECK (plant_id <> ''),
    name text NOT NULL CHECK (name <> ''),
    location text NOT NULL,
    -- IANA; the judge knows which exist
    timezone text NOT NULL CHECK (timezone <> ''),
    load_id integer NOT NULL,
    line_no integer NOT NULL
) WITHOUT ROWID;

-- Deliveries of a plant that are not the newest (see bills_history).
CREATE TABLE IF NOT EXISTS plants_history (
    plant_id text NOT NULL,
    name text NOT NULL,
    location text NOT NULL,
    timezone text NOT NULL,
    load_id integer NOT NULL,
    line_no integer NOT NULL,
    replaced_by_load_id integer,
    PRIMARY KEY (plant_id, load_id, line_no)
) WITHOUT ROWID;

-- One row an inverter: its newest delivery.
CREATE TABLE IF NOT EXISTS inverters (
    inverter_id text PRIMARY KEY CHECK (inverter_id <> ''),
    plant_id text NOT NULL REFERENCES plants (plant_id),
    vendor text NOT NULL,
    model text NOT NULL,
    capacity_kw real NOT NULL CHECK (capacity_kw > 0),
    commissioned_at utc_timestamp,
    load_id integer NOT NULL,
    line_no integer NOT NULL
) WITHOUT ROWID;

-- Deliveries of an inverter that are not the newest (see bills_history).
CREATE TABLE IF NOT EXISTS inverters_history (
    inverter_id text NOT NULL,
    plant_id text NOT NULL,
    vendor text NOT NULL,
    model text NOT NULL,
    capacity_kw real NOT NULL,
    commissioned_at utc_timestamp,
    load_id integer NOT NULL,
    line_no integer NOT NULL,
    replaced_by_load_id integer,
    PRIMARY KEY (inverter_id, load_id, line_no)
) WITHOUT ROWID;

-- The functions utc_time and local_day, which PostgreSQL gets here, come with the engine.
