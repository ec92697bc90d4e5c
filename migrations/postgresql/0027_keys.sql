-- depends: 0025_versions

-- Keys of a load, as its file has them: the first one of each chunk, and the last one of the file. They tell whether its rows may
-- be placed before it is published, and where these lie: [[1, "part of the key", ...], ...]
CREATE TABLE IF NOT EXISTS load_keys (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id bigint PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    keys text NOT NULL
);
