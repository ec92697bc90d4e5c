-- depends: 0009_bills_by_month

-- Telemetry: what is in doubt. Readings without power; the energy of counters that dip, jump or restart; event ids in the order
-- in which people count. This copies the tables of telemetry; days are summed up anew, and the readings of moments with several
-- events chosen anew. natural_key, counted_energy and local_day come with the engine, as utc_time does, which reads more
-- spellings now.

DROP VIEW IF EXISTS inverter_latest_state;

DROP INDEX IF EXISTS inverter_telemetry_raw_reading;

ALTER TABLE inverter_telemetry_raw RENAME TO inverter_telemetry_raw_before;

-- One row an event, with the values it came with. Sent again, the newest event_time wins, then the last delivery.
-- No foreign keys: the judge has looked the inverter up, registries never lose a row, and a key check a row costs as much as the
-- insert.
CREATE TABLE inverter_telemetry_raw (
    event_id text PRIMARY KEY CHECK (event_id <> ''),
    plant_id text NOT NULL,
    inverter_id text NOT NULL,
    event_time utc_timestamp NOT NULL,
    source text,
    -- null: it told its status or counter, but no power
    ac_power real CHECK (ac_power >= 0),
    ac_power_unit text,
    dc_power real CHECK (dc_power >= 0),
    dc_power_unit text,
    energy_wh_total real CHECK (energy_wh_total >= 0),
    temperature_c real,
    status text,
    load_id integer NOT NULL,
    line_no integer NOT NULL
) WITHOUT ROWID;

INSERT INTO inverter_telemetry_raw (
    event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit, energy_wh_total,
    temperature_c, status, load_id, line_no
)
SELECT -- noqa: LT09
    event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit, energy_wh_total,
    temperature_c, status, load_id, line_no
FROM inverter_telemetry_raw_before;

DROP TABLE inverter_telemetry_raw_before;

-- "Which events carry this reading?" is asked for every reading that a load touches.
CREATE INDEX IF NOT EXISTS inverter_telemetry_raw_reading ON inverter_telemetry_raw (inverter_id, event_time, event_id);

DROP INDEX IF EXISTS inverter_telemetry_raw_history_repeats;

ALTER TABLE inverter_telemetry_raw_history RENAME TO inverter_telemetry_raw_history_before;

-- Deliveries of an event that are not the newest (see bills_history).
CREATE TABLE inverter_telemetry_raw_history (
    event_id text NOT NULL,
    plant_id text NOT NULL,
    inverter_id text NOT NULL,
    event_time utc_timestamp NOT NULL,
    source text,
    ac_power real,
    ac_power_unit text,
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

INSERT INTO inverter_telemetry_raw_history (
    event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit, energy_wh_total,
    temperature_c, status, load_id, line_no, replaced_by_load_id
)
SELECT -- noqa: LT09
    event_id, plant_id, inverter_id, event_time, source, ac_power, ac_power_unit, dc_power, dc_power_unit, energy_wh_total,
    temperature_c, status, load_id, line_no, replaced_by_load_id
FROM inverter_telemetry_raw_history_before;

DROP TABLE inverter_telemetry_raw_history_before;

-- Finds the few rows that wait for an older load, in a table that may be large.
CREATE INDEX IF NOT EXISTS inverter_telemetry_raw_history_repeats
ON inverter_telemetry_raw_history (load_id) WHERE replaced_by_load_id IS NULL;

ALTER TABLE inverter_telemetry_clean RENAME TO inverter_telemetry_clean_before;

-- One row a reading: what an inverter measured at a moment, in watts, on the plant's local day. Of several events with the same
-- moment the one with the greatest event_id counts, as people count (natural_key), whatever the order they came in.
CREATE TABLE inverter_telemetry_clean (
    inverter_id text NOT NULL,
    event_time utc_timestamp NOT NULL,
    plant_id text NOT NULL,
    day date NOT NULL,
    event_id text NOT NULL,
    source text,
    ac_power_w real CHECK (ac_power_w >= 0),
    dc_power_w real CHECK (dc_power_w >= 0),
    energy_wh_total real CHECK (energy_wh_total >= 0),
    temperature_c real,
    status text,
    -- also finds a day's readings: they lie within a day and a half around it
    PRIMARY KEY (inverter_id, event_time)
) WITHOUT ROWID;

INSERT INTO inverter_telemetry_clean (
    inverter_id, event_time, plant_id, day, event_id, source, ac_power_w, dc_power_w, energy_wh_total, temperature_c, status
)
SELECT -- noqa: LT09
    inverter_id, event_time, plant_id, day, event_id, source, ac_power_w, dc_power_w, energy_wh_total, temperature_c, status
FROM inverter_telemetry_clean_before;

DROP TABLE inverter_telemetry_clean_before;

-- Of several events of one moment, the one with the greatest id in the order of people counts.
INSERT OR REPLACE INTO inverter_telemetry_clean (
    inverter_id, event_time, plant_id, day, event_id, source, ac_power_w, dc_power_w, energy_wh_total, temperature_c, status
)
SELECT
    events.inverter_id,
    events.event_time,
    events.plant_id,
    local_day(events.event_time, plants.timezone),
    events.event_id,
    events.source,
    cast(events.ac_power * (ac_unit.watts * 1000) + 0.5 AS integer) / 1000.0,
    cast(events.dc_power * (dc_unit.watts * 1000) + 0.5 AS integer) / 1000.0,
    cast(events.energy_wh_total * 1000 + 0.5 AS integer) / 1000.0,
    (cast((events.temperature_c + 300) * 1000 + 0.5 AS integer) - 300000) / 1000.0,
    events.status
FROM (
    SELECT
        inverter_id,
        event_time
    FROM inverter_telemetry_raw
    GROUP BY inverter_id, event_time
    HAVING count(*) > 1
) AS moments
CROSS JOIN inverter_telemetry_raw AS events
    ON moments.inverter_id = events.inverter_id AND moments.event_time = events.event_time
INNER JOIN plants ON events.plant_id = plants.plant_id
LEFT JOIN power_units AS ac_unit ON events.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON events.dc_power_unit = dc_unit.unit
WHERE
    NOT EXISTS (
        SELECT 1
        FROM inverter_telemetry_raw AS greater
        WHERE
            greater.inverter_id = events.inverter_id
            AND greater.event_time = events.event_time
            AND (natural_key(greater.event_id), greater.event_id) > (natural_key(events.event_id), events.event_id)
    );

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

DROP TABLE inverter_daily_summary;

-- One row a day of an inverter at a plant.
CREATE TABLE inverter_daily_summary (
    plant_id text NOT NULL REFERENCES plants (plant_id),
    inverter_id text NOT NULL REFERENCES inverters (inverter_id),
    -- by the plant's clock
    day date NOT NULL,
    -- of the points with power; null if there are none
    avg_ac_power_w real,
    max_ac_power_w real,
    points integer NOT NULL CHECK (points > 0),
    -- what the counter says was produced between the day's readings; null if fewer than two carry it
    energy_wh real CHECK (energy_wh >= 0),
    first_event_time utc_timestamp NOT NULL,
    last_event_time utc_timestamp NOT NULL CHECK (last_event_time >= first_event_time),
    points_with_power integer NOT NULL DEFAULT 0,
    -- what the counter says beyond what the inverter could make
    energy_wh_uncounted real NOT NULL DEFAULT 0 CHECK (energy_wh_uncounted >= 0),
    -- how many values of the counter could not be followed
    counter_faults integer NOT NULL DEFAULT 0,
    -- the inverter leads: an inverter that moved has rows of two plants on one day
    PRIMARY KEY (inverter_id, day, plant_id)
) WITHOUT ROWID;

INSERT INTO inverter_daily_summary (
    plant_id, inverter_id, day, avg_ac_power_w, max_ac_power_w, points, energy_wh, first_event_time, last_event_time,
    points_with_power, energy_wh_uncounted, counter_faults
)
WITH summed AS (
    SELECT
        clean.plant_id,
        clean.inverter_id,
        clean.day,
        sum(cast(round(clean.ac_power_w * 1000) AS integer)) AS milliwatts,
        max(cast(round(clean.ac_power_w * 1000) AS integer)) AS most_milliwatts,
        count(*) AS points,
        count(clean.ac_power_w) AS points_with_power,
        count(clean.energy_wh_total) AS counters,
        counted_energy(
            clean.event_time, cast(round(clean.energy_wh_total * 1000) AS integer), inverters.capacity_kw
        ) AS energy,
        min(clean.event_time) AS first_event_time,
        max(clean.event_time) AS last_event_time
    FROM inverter_telemetry_clean AS clean
    INNER JOIN inverters ON clean.inverter_id = inverters.inverter_id
    GROUP BY clean.inverter_id, clean.day, clean.plant_id
)

SELECT
    plant_id,
    inverter_id,
    day,
    ((2 * milliwatts + points_with_power) / nullif(2 * points_with_power, 0)) / 1000.0,
    most_milliwatts / 1000.0,
    points,
    CASE WHEN counters > 1 THEN (energy ->> 0) / 1000.0 END,
    first_event_time,
    last_event_time,
    points_with_power,
    (energy ->> 1) / 1000.0,
    energy ->> 2
FROM summed;
