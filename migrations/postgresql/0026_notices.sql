-- depends: 0025_versions

-- What each receiver of notifications was told last, and what it is owed. What is over, and was told to be, is no row any more.
CREATE TABLE IF NOT EXISTS notices (
    -- the SHA-256 of the receiver's URL, which is a secret
    receiver text NOT NULL,
    -- a check, a load, or a file that cannot be loaded
    kind text NOT NULL CHECK (kind IN ('check', 'load', 'file')),
    -- which one of them
    subject text NOT NULL,
    state text NOT NULL CHECK (state IN ('ok', 'warning', 'unknown', 'critical', 'held', 'failed')),
    -- the state that it was told last; null if it was told nothing yet
    told text,
    since timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    dataset text,
    what text NOT NULL,
    todo text NOT NULL,
    runbook text NOT NULL,
    PRIMARY KEY (receiver, kind, subject)
);
