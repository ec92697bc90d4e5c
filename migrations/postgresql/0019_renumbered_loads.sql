-- depends: 0014_cut_off_files

-- A discarded load that is released after all gets a new number. Whoever still knows the old one, for the command was killed
-- before it could say the new one, is led there.
CREATE TABLE IF NOT EXISTS renumbered_loads (
    old_load_id bigint PRIMARY KEY,
    -- it may get a new number again
    load_id bigint NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE
);
