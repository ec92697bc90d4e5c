-- depends: 0014_cut_off_files

-- Whose names were erased. A name is known by a digest only, which nobody can make without the salt of this database; who is
-- delivered again gets the same pseudonym.
CREATE TABLE IF NOT EXISTS erased_salt (
    is_one boolean PRIMARY KEY DEFAULT TRUE CHECK (is_one),
    salt text NOT NULL CHECK (salt <> '')
);

CREATE TABLE IF NOT EXISTS erased_names (
    name_digest text PRIMARY KEY,
    pseudonym text NOT NULL UNIQUE
) WITHOUT ROWID;

-- How many rows of history were pruned: of one load, replaced by another one. What the ledger counted as replaced is these and
-- those that are still there.
CREATE TABLE IF NOT EXISTS pruned_history (
    load_id integer NOT NULL,
    replaced_by_load_id integer NOT NULL,
    records integer NOT NULL,
    PRIMARY KEY (load_id, replaced_by_load_id)
) WITHOUT ROWID;

-- "Was anything pruned that this load replaced?" is asked before it is taken back.
CREATE INDEX IF NOT EXISTS pruned_history_replaced_by ON pruned_history (replaced_by_load_id);

-- How many rejects of a load were pruned, after they were closed.
CREATE TABLE IF NOT EXISTS pruned_rejects (
    load_id integer PRIMARY KEY REFERENCES loads (load_id) ON UPDATE CASCADE,
    records integer NOT NULL
) WITHOUT ROWID;

-- Rows that somebody deleted (difference below zero) or added by hand, and an operator accepts as they are.
CREATE TABLE IF NOT EXISTS reconciliations (
    reconciliation_id integer PRIMARY KEY,
    table_name text NOT NULL,
    -- 0 where only values differ
    difference integer NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    reconciled_at utc_timestamp NOT NULL DEFAULT current_timestamp
);
