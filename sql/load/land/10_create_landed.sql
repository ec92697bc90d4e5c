-- Where a chunk's records arrive as they are: every field a text. fault names what is wrong with the record's structure.
-- Lines number themselves in the order they arrive, unless the reader numbers them.
CREATE TEMP TABLE :"landed" ( -- noqa: PRS
    line_in_chunk line_number_type,
    fault text NOT NULL DEFAULT '',
    :"columns_as_text"
)
