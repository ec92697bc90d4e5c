-- depends: 0009_bills_by_month

-- SQLite cannot add what is there already, so tables are written anew; not renamed, for then it would look through all views,
-- whose functions the migrator does not know.

CREATE TABLE rejects_before AS
SELECT
    load_id,
    line_no,
    reasons,
    raw_record
FROM rejects;

DROP TABLE rejects;

-- The quarantine: a record that broke its dataset's contract, as the bytes it came in.
CREATE TABLE rejects (
    load_id integer NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE,
    line_no integer NOT NULL,
    -- every broken rule by its name, separated by blanks
    reasons text NOT NULL CHECK (reasons <> ''),
    raw_record blob NOT NULL,
    -- whose record it is, where that can be told: what is delivered of it from now on is remembered while the reject may still
    -- pass. Rejects of before get it when they are judged again: `dbsvc rejects retry`.
    record_key text,
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

-- "Is there a reject of this key?" is asked for each record that leaves its row unchanged, while there is any reject.
CREATE INDEX IF NOT EXISTS rejects_record_key ON rejects (record_key) WHERE record_key IS NOT NULL;

-- How many deliveries of one load another one replaced, as the histories say it: for questions that must not count histories, and
-- for the check that counts them.
CREATE TABLE IF NOT EXISTS replacements (
    load_id integer NOT NULL,
    replaced_by_load_id integer NOT NULL,
    records integer NOT NULL,
    PRIMARY KEY (load_id, replaced_by_load_id)
) WITHOUT ROWID;

INSERT INTO replacements (load_id, replaced_by_load_id, records)
SELECT
    load_id,
    replaced_by_load_id,
    count(*)
FROM (
    SELECT
        load_id,
        replaced_by_load_id
    FROM bills_history
    UNION ALL
    SELECT
        load_id,
        replaced_by_load_id
    FROM plants_history
    UNION ALL
    SELECT
        load_id,
        replaced_by_load_id
    FROM inverters_history
    UNION ALL
    SELECT
        load_id,
        replaced_by_load_id
    FROM inverter_telemetry_raw_history
) AS past
WHERE replaced_by_load_id IS NOT NULL
GROUP BY load_id, replaced_by_load_id
ON CONFLICT (load_id, replaced_by_load_id) DO UPDATE SET records = excluded.records;

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
    rejected
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
    -- the same bytes may be delivered again on purpose: which delivery of them this is
    delivery integer NOT NULL DEFAULT 1 CHECK (delivery > 0),
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
    -- it was published after a later load, or records of it were retried: then its counts are not what is in history
    out_of_turn boolean NOT NULL DEFAULT 0,
    -- makes a load idempotent: the same delivery of the same bytes is the same load
    CONSTRAINT loads_same_delivery_once UNIQUE (dataset, sha256, delivery),
    -- nothing is lost: a published load accounts for every record read
    CONSTRAINT loads_accounting_identity CHECK (
        status <> 'published'
        OR inserted + updated + unchanged + duplicate + superseded + rejected = read
    ),
    CONSTRAINT loads_published_has_a_time CHECK ((status = 'published') = (published_at IS NOT NULL))
);

-- "Is an older load still open?" is asked by every publish; open loads are few among many.
CREATE INDEX IF NOT EXISTS loads_open ON loads (dataset, load_id) WHERE status IN ('staging', 'staged', 'held');

-- What a rollback has told apart is put together again.
INSERT INTO loads (
    load_id, dataset, source, sha256, bytes, header, rules, status, released, held_because,
    registered_at, published_at, control_total, read, inserted, updated, unchanged, duplicate, superseded, rejected,
    delivery
)
SELECT
    load_id,
    dataset,
    source,
    substr(sha256, 1, 64),
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
    row_number() OVER (PARTITION BY dataset, substr(sha256, 1, 64) ORDER BY load_id)
FROM loads_before;

DROP TABLE loads_before;

-- Loads of before may have been published late, or retried: where the counts say so, or the records in history, all did.
UPDATE loads
SET out_of_turn = TRUE
WHERE
    status = 'published'
    AND dataset IN (
        SELECT counted.dataset
        FROM (
            SELECT
                summed.dataset,
                summed.replaced - coalesce((
                    SELECT sum(replacements.records)
                    FROM replacements
                    INNER JOIN loads AS losing ON replacements.load_id = losing.load_id
                    WHERE losing.dataset = summed.dataset
                ), 0) AS difference
            FROM (
                SELECT
                    dataset,
                    sum(updated + superseded) AS replaced
                FROM loads
                WHERE status = 'published'
                GROUP BY dataset
            ) AS summed
        ) AS counted
        WHERE counted.difference <> 0
    );
