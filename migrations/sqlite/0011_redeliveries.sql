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
