-- depends: 0020_plans_of_before

-- The profile that a load was read by, as it was declared then: whoever reads its records again reads them by that, whatever
-- became of the file of the profile.
CREATE TABLE IF NOT EXISTS load_profiles (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id bigint PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    name text NOT NULL,
    content text NOT NULL
);
