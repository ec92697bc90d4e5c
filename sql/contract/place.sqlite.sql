-- Records are staged where they will stay if their file is in the order of the key's first column, as far as a sample of its keys
-- tells, and the table holds none from the first of them to the last: then it grows in one place, and no row is written twice.
-- What does meet a stored key after all is staged apart, and merged.
-- Twin: on PostgreSQL a heap grows at its end whatever the keys are, and an index of loads finds their rows; here both need the
-- order of keys.
WITH sampled AS (
    SELECT
        :"partition_by" AS part,
        line_in_chunk AS nth
    FROM ( -- noqa: PRS
        SELECT -- noqa: LT09
            /*:sampled_key*/
            line_in_chunk
        FROM ( -- noqa: PRS
            /*:key_samples*/
        ) AS validated
    ) AS typed
),

span AS (
    SELECT
        min(part) AS first_part,
        max(part) AS last_part
    FROM sampled
),

ordered AS (
    SELECT
        count(*) = count(part) AS are_keys,
        coalesce(max(part < part_before), 0) AS unordered
    FROM (
        SELECT
            part,
            lag(part) OVER (ORDER BY nth) AS part_before
        FROM sampled
    ) AS steps
)

UPDATE loads
SET in_place = TRUE
WHERE
    load_id = :load_id
    AND :records >= :month_records
    AND (SELECT ordered.are_keys AND NOT ordered.unordered FROM ordered)
    AND NOT EXISTS (
        SELECT 1
        FROM span
        INNER JOIN :"table" AS stored ON stored.:"partition_by" BETWEEN span.first_part AND span.last_part
    )
    -- only before anything is staged
    AND NOT EXISTS (SELECT 1 FROM load_chunks WHERE load_chunks.load_id = :load_id AND load_chunks.read IS NOT NULL)
RETURNING load_id
