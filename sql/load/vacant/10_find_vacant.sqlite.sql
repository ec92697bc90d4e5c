-- Where the table holds no rows yet from the load's first day to its last, nothing needs to be compared: all that is staged is
-- inserted. PostgreSQL places whole months instead.
SELECT 1 AS is_vacant
FROM (
    SELECT
        min(:"partition_by") AS first_day,
        max(:"partition_by") AS last_day
    FROM :"staged"
) AS span
WHERE
    span.first_day IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM :"table" AS stored WHERE stored.:"partition_by" BETWEEN span.first_day AND span.last_day)
