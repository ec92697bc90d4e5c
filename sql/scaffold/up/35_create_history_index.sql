-- The few deliveries there that nothing replaced are found without reading all of them.
CREATE INDEX IF NOT EXISTS /*:table*/_history_repeats -- noqa: PRS
ON /*:table*/_history (load_id) WHERE replaced_by_load_id IS NULL
