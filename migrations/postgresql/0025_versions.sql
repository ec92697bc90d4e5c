-- depends: 0023_projects

-- Which object of a store a load was read from, of all that had or will have its name: its version, or its ETag.
CREATE TABLE IF NOT EXISTS load_versions (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id bigint PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    version text NOT NULL
);
