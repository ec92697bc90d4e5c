-- depends: 0001_ledger

-- Files that grow. A load of such a file is what was appended since the load before it, while its sha256 and bytes still count
-- from the file's start. So the ledger is the checkpoint: a file that begins with these bytes is read on from there.
CREATE TABLE IF NOT EXISTS load_streams (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id bigint PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    -- a digest of the file's first line, by which the loads of one file find each other under any name
    stream text NOT NULL
);
