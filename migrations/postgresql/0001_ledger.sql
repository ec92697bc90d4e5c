-- The ledger (what was delivered, how far it got, where every record went) and the quarantine.

-- One row a dataset. Its row lock orders the publishes of a dataset; it holds no data.
CREATE TABLE IF NOT EXISTS datasets (
    dataset text PRIMARY KEY
);

-- One row in all. A load's number is drawn under this row's lock, so that numbers become visible in their own order:
-- whoever publishes load 7 can see every load below 7. A sequence could not promise that.
CREATE TABLE IF NOT EXISTS load_sequence (
    sequence text PRIMARY KEY CHECK (sequence = 'loads'),
    last_load_id bigint NOT NULL
);

INSERT INTO load_sequence (sequence, last_load_id) VALUES ('loads', 0) ON CONFLICT DO NOTHING;

-- One delivery of one file's bytes.
CREATE TABLE IF NOT EXISTS loads (
    load_id bigint PRIMARY KEY,
    dataset text NOT NULL REFERENCES datasets (dataset),
    -- the name under which these bytes came first
    source text NOT NULL,
    -- of the content, after decompression
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    -- the file's own header record, so that rejects can be exported in the file's own column order
    header bytea NOT NULL,
    -- which SQL rules read it: a digest of the dataset's statements
    rules text NOT NULL,
    status text NOT NULL DEFAULT 'staging'
    CHECK (status IN ('staging', 'staged', 'held', 'published', 'discarded')),
    -- an operator released it: the audits do not hold it again
    released boolean NOT NULL DEFAULT FALSE,
    -- what the audits found, one sentence a line
    held_because text,
    registered_at timestamptz NOT NULL DEFAULT current_timestamp,
    published_at timestamptz,
    -- the sum of its amounts in whole units, currencies mixed: only good for comparing deliveries with one another
    control_total numeric,
    -- the buckets
    read bigint NOT NULL DEFAULT 0,
    inserted bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    superseded bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
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

-- A record-aligned byte range of a load: the unit of work, of restart and of sharing. Its row lock is the claim.
CREATE TABLE IF NOT EXISTS load_chunks (
    -- a discarded load that is released after all gets a new number, and takes its chunks along
    load_id bigint NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE,
    chunk_no bigint NOT NULL,
    byte_start bigint NOT NULL,
    byte_end bigint NOT NULL,
    first_line bigint NOT NULL,
    sha256 text NOT NULL,
    -- null until the chunk is staged; then read = staged + rejected
    read bigint,
    staged bigint,
    rejected bigint,
    PRIMARY KEY (load_id, chunk_no),
    CONSTRAINT load_chunks_range CHECK (byte_end > byte_start),
    CONSTRAINT load_chunks_accounting_identity CHECK (
        read = staged + rejected
        OR (read IS NULL AND staged IS NULL AND rejected IS NULL)
    )
);

-- The quarantine: a record that broke its dataset's contract, as the bytes it came in.
CREATE TABLE IF NOT EXISTS rejects (
    load_id bigint NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE,
    line_no bigint NOT NULL,
    -- every broken rule by its name, separated by blanks
    reasons text NOT NULL CHECK (reasons <> ''),
    raw_record bytea NOT NULL,
    -- a record begins on one line of one load; also finds a chunk's rejects, by its range of lines
    PRIMARY KEY (load_id, line_no)
);
