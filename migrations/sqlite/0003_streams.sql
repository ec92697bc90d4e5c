-- depends: 0001_ledger

-- Files that grow. A load of such a file is what was appended since the load before it; sha256 and bytes still count from the
-- file's start, so that the ledger is the checkpoint: a file that begins with these bytes is read on from there.

-- A digest of the file's first line, by which the loads of one growing file find each other under any name.
ALTER TABLE loads ADD COLUMN stream text;

-- Where this load begins in its file.
ALTER TABLE loads ADD COLUMN byte_start integer NOT NULL DEFAULT 0;
