-- depends: 0009_bills_by_month

-- Files that are delivered whole, and lack their last line end: they may have been cut off while they were sent. An audit asks
-- whether the last record looks like it.
CREATE TABLE IF NOT EXISTS load_endings (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id bigint PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    -- where the last record begins
    last_line bigint NOT NULL,
    -- how many decimals its last field has: none is 0, no field -1 ...
    last_decimals integer NOT NULL,
    -- ... and the fewest of the records before it, if there are enough of them to tell
    usual_decimals integer
);
