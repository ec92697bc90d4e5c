-- depends: 0011_redeliveries

-- What an audit cannot see in typed rows: how the days of a load are written, by a sample of its records, one day a line.
CREATE TABLE IF NOT EXISTS load_samples (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id integer PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    days text NOT NULL
);
