-- Deliveries of a key that are not the newest.
CREATE TABLE IF NOT EXISTS /*:table*/_history ( -- noqa: PRS
    /*:columns*/
    load_id record_number_type NOT NULL,
    line_no record_number_type NOT NULL,
    replaced_by_load_id record_number_type,
    PRIMARY KEY (/*:key*/, load_id, line_no)
) /*:without_rowid*/
