-- What becomes of the staged records that are not simply new, by line. replay: this record changes what is known of the
-- row's past, so its deliveries are put in order again.
-- Keyed by line, because SQLite joins by looking up; PostgreSQL hashes, and would only pay for the index.
CREATE TEMP TABLE verdicts (
    line_no integer PRIMARY KEY,
    bucket text NOT NULL,
    replay boolean NOT NULL
)
