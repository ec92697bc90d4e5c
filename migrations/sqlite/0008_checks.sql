-- depends: 0007_revenue

-- What `dbsvc check` found, run by run: one row a check, for trends, and for "since when".
CREATE TABLE IF NOT EXISTS check_results (
    check_name text NOT NULL,
    checked_at utc_timestamp NOT NULL,
    state text NOT NULL CHECK (state IN ('ok', 'warning', 'critical', 'unknown')),
    -- how many rows are wrong; null if the check could not run
    findings integer,
    seconds real NOT NULL,
    -- the check leads: "since when does this one find something?"
    PRIMARY KEY (check_name, checked_at),
    CONSTRAINT check_results_unknown_counts_nothing CHECK ((state = 'unknown') = (findings IS NULL))
) WITHOUT ROWID;
