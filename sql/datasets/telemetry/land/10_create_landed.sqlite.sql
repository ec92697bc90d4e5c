-- Where a chunk's events arrive as they are: every field a text, empty if it is not there. fault names what is wrong with the
-- record's structure. Lines number themselves in the order they arrive, unless the reader numbers them.
-- event_utc is event_time by the clock of UTC, or null if it is no time with a zone: SQLite has no type to cast to.
-- Twin: a PostgreSQL table numbers lines by an identity, a SQLite one by its primary key; and PostgreSQL compares texts by
-- bytes only where COLLATE "C" says so, which SQLite does not know.
CREATE TEMP TABLE :"landed" (
    line_in_chunk integer PRIMARY KEY,
    fault text NOT NULL DEFAULT '',
    event_id text NOT NULL,
    plant_id text NOT NULL,
    inverter_id text NOT NULL,
    event_time text NOT NULL,
    source text NOT NULL,
    ac_power text NOT NULL,
    ac_power_unit text NOT NULL,
    dc_power text NOT NULL,
    dc_power_unit text NOT NULL,
    energy_wh_total text NOT NULL,
    temperature_c text NOT NULL,
    status text NOT NULL,
    event_utc text AS (utc_time(event_time)) STORED
)
