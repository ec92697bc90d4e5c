-- Between which parts of the key the rows of a load lie, as far as a sample of its keys tells: so they are found without reading
-- all others.
SELECT
    min(:"partition_by") AS first_part,
    max(:"partition_by") AS last_part
FROM ( -- noqa: PRS
    SELECT -- noqa: LT09
        /*:sampled_key*/
        line_in_chunk
    FROM ( -- noqa: PRS
        /*:key_samples*/
    ) AS validated
) AS typed
