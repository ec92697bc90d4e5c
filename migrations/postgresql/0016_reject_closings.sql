-- depends: 0014_cut_off_files

-- How rejects of published loads ended. One that is mended or dismissed stays in the quarantine, with its bytes; one that passed
-- a retry has left it. A reject that is not here is open.
CREATE TABLE IF NOT EXISTS reject_closings (
    load_id bigint NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE,
    line_no bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('mended', 'dismissed', 'retried')),
    -- the record of a later load that came in its place
    mended_by_load_id bigint,
    mended_by_line_no bigint,
    -- why an operator dismissed it
    reason text,
    closed_at timestamptz NOT NULL DEFAULT current_timestamp,
    PRIMARY KEY (load_id, line_no),
    CONSTRAINT reject_closings_mended_by_a_record CHECK (
        (state = 'mended') = (mended_by_load_id IS NOT NULL) AND (state = 'mended') = (mended_by_line_no IS NOT NULL)
    )
);

-- Which rejects a load has mended is asked when it is published, and when it is taken back.
CREATE INDEX IF NOT EXISTS reject_closings_mended_by ON reject_closings (mended_by_load_id)
WHERE mended_by_load_id IS NOT NULL;

-- Records that are, by the text of their file, a mended reject of an earlier load: seen when the file is at hand, to be of use
-- when the load is published.
CREATE TABLE IF NOT EXISTS reject_matches (
    -- a discarded load that is released after all gets a new number, and takes this along
    load_id bigint NOT NULL REFERENCES loads (load_id) ON UPDATE CASCADE,
    line_no bigint NOT NULL,
    reject_load_id bigint NOT NULL,
    reject_line_no bigint NOT NULL,
    PRIMARY KEY (load_id, reject_load_id, reject_line_no)
);

-- The quarantine with the state of each reject. Of loads that are discarded or taken back none is open: nothing of them counts.
CREATE OR REPLACE VIEW reject_states AS
SELECT
    rejects.load_id,
    rejects.line_no,
    loads.dataset,
    loads.source,
    rejects.reasons,
    rejects.record_key,
    rejects.raw_record,
    CASE
        WHEN loads.status IN ('discarded', 'reverted') THEN loads.status
        ELSE coalesce(reject_closings.state, 'open')
    END AS state,
    reject_closings.mended_by_load_id,
    reject_closings.mended_by_line_no,
    reject_closings.reason,
    reject_closings.closed_at
FROM rejects
INNER JOIN loads ON rejects.load_id = loads.load_id
LEFT JOIN reject_closings ON rejects.load_id = reject_closings.load_id AND rejects.line_no = reject_closings.line_no;
