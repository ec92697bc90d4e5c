-- Where a chunk's records arrive as they are: every field a text. fault names what is wrong with the record's structure.
-- Lines number themselves in the order they arrive, unless the reader numbers them.
-- commissioned_utc is commissioned_at (2024-11-01, or 2024-11-01T12:00:00 and a zone) by the clock of UTC, or null if it is no
-- time: SQLite has no type to cast to.
-- Twin: a PostgreSQL table numbers lines by an identity, a SQLite one by its primary key; and PostgreSQL compares texts by
-- bytes only where COLLATE "C" says so, which SQLite does not know.
CREATE TEMP TABLE :"landed" (
    line_in_chunk integer PRIMARY KEY,
    fault text NOT NULL DEFAULT '',
    inverter_id text NOT NULL,
    plant_id text NOT NULL,
    vendor text NOT NULL,
    model text NOT NULL,
    capacity_kw text NOT NULL,
    commissioned_at text NOT NULL,
    commissioned_utc text AS (
        utc_time(CASE WHEN length(commissioned_at) <= 10 THEN commissioned_at || 'T00:00:00Z' ELSE commissioned_at END)
    ) STORED
)
