-- What becomes of the staged records that are not simply new, by line. replay: this record changes what is known of the
-- row's past, so its deliveries are put in order again.
CREATE TEMP TABLE verdicts (
    line_no bigint NOT NULL,
    bucket text NOT NULL,
    replay boolean NOT NULL
)
