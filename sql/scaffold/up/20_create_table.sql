-- One row a key: its newest delivery. load_id and line_no say which record of which file it was.
CREATE TABLE IF NOT EXISTS /*:stored*/ ( -- noqa: PRS
    /*:columns*/
    load_id record_number_type NOT NULL,
    line_no record_number_type NOT NULL,
    PRIMARY KEY (/*:key*/)
) /*:without_rowid*/
