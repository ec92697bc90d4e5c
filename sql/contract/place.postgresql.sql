-- Records whose keys are not stored are staged where they will stay, as far as a sample of their keys tells: none is written
-- twice. What does meet a stored key after all is staged apart, and merged.
-- Twin: a heap grows at its end whatever the keys are, and an index of loads finds their rows; on SQLite both need the order of
-- keys.
UPDATE loads
SET in_place = TRUE
WHERE
    load_id = :load_id
    AND :records >= :month_records
    AND NOT EXISTS (
        SELECT 1
        FROM (
            SELECT -- noqa: LT09
                /*:sampled_key*/
                line_in_chunk
            FROM ( -- noqa: PRS
                /*:key_samples*/
            ) AS validated
        ) AS sampled
        INNER JOIN :"table" AS stored ON (:"stored_key") = (:"sampled_key") -- noqa: RF02
    )
    -- only before anything is staged
    AND NOT EXISTS (SELECT 1 FROM load_chunks WHERE load_chunks.load_id = :load_id AND load_chunks.read IS NOT NULL)
RETURNING load_id
