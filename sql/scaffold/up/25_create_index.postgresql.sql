-- only: placed
-- Which pages hold the rows of a load: they lie together. It is a thousandth of the table, and costs a row nothing.
CREATE INDEX IF NOT EXISTS /*:table*/_loads ON /*:stored*/ USING brin (load_id) WITH (autosummarize = TRUE) -- noqa: PRS
