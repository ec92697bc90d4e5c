CREATE TABLE rejects_before AS
SELECT
    load_id,
    line_no,
    reasons,
    raw_record
FROM rejects;

DROP TABLE rejects;

CREATE TABLE rejects (
    load_id integer NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE,
    line_no integer NOT NULL,
    -- every broken rule by its name, separated by blanks
    reasons text NOT NULL CHECK (reasons <> ''),
    raw_record blob NOT NULL,
    -- a record begins on one line of one load; also finds a chunk's rejects, by its range of lines
    PRIMARY KEY (load_id, line_no)
) WITHOUT ROWID;

INSERT INTO rejects (load_id, line_no, reasons, raw_record)
SELECT
    load_id,
    line_no,
    reasons,
    raw_record
FROM rejects_before;

DROP TABLE rejects_before;

CREATE TABLE loads_before AS
SELECT
    load_id,
    dataset,
    source,
    sha256,
    bytes,
    header,
    rules,
    status,
    released,
    held_because,
    registered_at,
    published_at,
    control_total,
    read,
    inserted,
    updated,
    unchanged,
    duplicate,
    superseded,
    rejected,
    row_number() OVER (PARTITION BY dataset, sha256 ORDER BY load_id DESC) AS nth_last
FROM loads;

DROP TABLE loads;

-- One delivery of one file's bytes.
CREATE TABLE loads (
    load_id integer PRIMARY KEY,
    dataset text NOT NULL REFERENCES datasets (dataset),
    -- the name under which these bytes came first
    source text NOT NULL,
    -- of the content, after decompression
    sha256 text NOT NULL,
    bytes integer NOT NULL,
    -- the file's own header record, so that rejects can be exported in the file's own column order
    header blob NOT NULL,
    -- which SQL rules read it: a digest of the dataset's statements
    rules text NOT NULL,
    status text NOT NULL DEFAULT 'staging'
    CHECK (status IN ('staging', 'staged', 'held', 'published', 'discarded')),
    -- an operator released it: the audits do not hold it again
    released boolean NOT NULL DEFAULT 0,
    -- what the audits found, one sentence a line
    held_because text,
    registered_at utc_timestamp NOT NULL DEFAULT current_timestamp,
    published_at utc_timestamp,
    -- the sum of its amounts in whole units, currencies mixed: only good for comparing deliveries with one another
    control_total integer,
    -- the buckets
    read integer NOT NULL DEFAULT 0,
    inserted integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    duplicate integer NOT NULL DEFAULT 0,
    superseded integer NOT NULL DEFAULT 0,
    rejected integer NOT NULL DEFAULT 0,
    -- makes a load idempotent: the same bytes are the same load
    CONSTRAINT loads_same_bytes_once UNIQUE (dataset, sha256),
    -- nothing is lost: a published load accounts for every record read
    CONSTRAINT loads_accounting_identity CHECK (
        status <> 'published'
        OR inserted + updated + unchanged + duplicate + superseded + rejected = read
    ),
    CONSTRAINT loads_published_has_a_time CHECK ((status = 'published') = (published_at IS NOT NULL))
);

-- "Is an older load still open?" is asked by every publish; open loads are few among many.
CREATE INDEX IF NOT EXISTS loads_open ON loads (dataset, load_id) WHERE status IN ('staging', 'staged', 'held');

-- Older deliveries of the same bytes are kept, under a digest that no file has.
INSERT INTO loads (
    load_id, dataset, source, sha256, bytes, header, rules, status, released, held_because,
    registered_at, published_at, control_total, read, inserted, updated, unchanged, duplicate, superseded, rejected
)
SELECT
    load_id,
    dataset,
    source,
    sha256 || CASE WHEN nth_last > 1 THEN '-' || nth_last ELSE '' END,
    bytes,
    header,
    rules,
    status,
    released,
    held_because,
    registered_at,
    published_at,
    control_total,
    read,
    inserted,
    updated,
    unchanged,
    duplicate,
    superseded,
    rejected
FROM loads_before;

DROP TABLE loads_before;

DROP TABLE IF EXISTS replacements;
