-- Where a chunk's records arrive as they are: every field a text, empty if it is not there. fault names what is wrong with the
-- record's structure. Lines number themselves in the order they arrive, unless the reader numbers them.
CREATE TEMP TABLE :"landed" ( -- noqa: PRS
    /*:landed*/
    fault text NOT NULL DEFAULT '',
    line_in_chunk line_number_type
)
