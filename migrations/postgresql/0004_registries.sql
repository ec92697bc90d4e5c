-- depends: 0003_streams

-- Plants and inverters, as the registries say it.
-- Ids are compared byte by byte, which is faster than by a language, and the same on every database.

INSERT INTO datasets (dataset) VALUES ('plants'), ('inverters') ON CONFLICT DO NOTHING;

-- One row a plant: its newest delivery. load_id and line_no say which record of which file it was.
CREATE TABLE IF NOT EXISTS plants (
    plant_id text COLLATE "C" PRIMARY KEY CHECK (plant_id <> ''),
    name text NOT NULL CHECK (name <> ''),
    location text NOT NULL,
    -- IANA; the judge knows which exist
    timezone text NOT NULL CHECK (timezone <> ''),
    load_id bigint NOT NULL,
    line_no bigint NOT NULL
);

-- Deliveries of a plant that are not the newest (see bills_history).
CREATE TABLE IF NOT EXISTS plants_history (
    plant_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    location text NOT NULL,
    timezone text NOT NULL,
    load_id bigint NOT NULL,
    line_no bigint NOT NULL,
    replaced_by_load_id bigint,
    PRIMARY KEY (plant_id, load_id, line_no)
);

-- One row an inverter: its newest delivery.
CREATE TABLE IF NOT EXISTS inverters (
    inverter_id text COLLATE "C" PRIMARY KEY CHECK (inverter_id <> ''),
    plant_id text COLLATE "C" NOT NULL REFERENCES plants (plant_id),
    vendor text NOT NULL,
    model text NOT NULL,
    capacity_kw double precision NOT NULL CHECK (capacity_kw > 0),
    commissioned_at timestamptz,
    load_id bigint NOT NULL,
    line_no bigint NOT NULL
);

-- Deliveries of an inverter that are not the newest (see bills_history).
CREATE TABLE IF NOT EXISTS inverters_history (
    inverter_id text COLLATE "C" NOT NULL,
    plant_id text COLLATE "C" NOT NULL,
    vendor text NOT NULL,
    model text NOT NULL,
    capacity_kw double precision NOT NULL,
    commissioned_at timestamptz,
    load_id bigint NOT NULL,
    line_no bigint NOT NULL,
    replaced_by_load_id bigint,
    PRIMARY KEY (inverter_id, load_id, line_no)
);

-- A timestamp with a zone (RFC 3339), or null if the text is none. What is finer than microseconds is cut off. A leap second
-- counts as the second after it. Dates end where every zone's clock stays within the years that all databases know.
CREATE OR REPLACE FUNCTION utc_time(written text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN
        written !~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)'
        '([.][0-9]+)?([Zz]|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$'
        OR substr(written, 1, 10) COLLATE "C" NOT BETWEEN '0001-01-02' AND '9999-12-30'
        THEN NULL
    WHEN
        substr(written, 9, 2) > '28' AND substr(written, 9, 2)::integer
        > extract(DAY FROM (substr(written, 1, 8) || '01')::date + interval '1 month' - interval '1 day')
        THEN NULL
    WHEN
        substr(written, 18, 2) = '60' AND to_char(
            regexp_replace(written, '[.][0-9]+', '')::timestamptz AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS'
        ) NOT IN ('01-01 00:00:00', '07-01 00:00:00')
        THEN NULL
    -- a cast takes no fraction of a leap second
    WHEN substr(written, 18, 2) = '60'
        THEN
            regexp_replace(written, '[.][0-9]+', '')::timestamptz
            + (concat('0', substring(written FROM '[.][0-9]{1,6}'), ' seconds'))::interval
    WHEN length(written) <= 26 THEN written::timestamptz
    ELSE regexp_replace(written, '([.][0-9]{6})[0-9]+', '\1')::timestamptz
END;

-- The day of a time by the clock of an IANA zone. Four old names are abbreviations to PostgreSQL, which knows no summer time for
-- them; IANA has made them links to these cities.
CREATE OR REPLACE FUNCTION local_day(utc timestamptz, zone text) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    utc AT TIME ZONE CASE
        WHEN zone IN ('CET', 'MET') THEN 'Europe/Brussels'
        WHEN zone = 'EET' THEN 'Europe/Athens'
        WHEN zone = 'WET' THEN 'Europe/Lisbon'
        ELSE zone
    END
)::date;
