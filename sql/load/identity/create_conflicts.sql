-- Where a dataset puts staged records whose keys belong to others: their lines, the rule they break, and the keys.
CREATE TEMP TABLE conflicts (
    line_no bigint PRIMARY KEY,
    reasons text NOT NULL,
    record_key text NOT NULL
)
