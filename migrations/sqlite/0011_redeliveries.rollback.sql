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
