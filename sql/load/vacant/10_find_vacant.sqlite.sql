-- Where the table holds no rows yet from the load's first day to its last, nothing needs to be compared: all that is staged is
-- inserted. In the order of the file if that is the order of the days, which the first days of its chunks tell; else sorted, so
-- that the table grows at its end. PostgreSQL places whole months instead.
WITH span AS (
    SELECT
        min(:"partition_by") AS first_day,
        max(:"partition_by") AS last_day
    FROM :"staged"
),

begins AS (
    SELECT
        chunk_no,
        (
            SELECT staged.:"partition_by" -- noqa: RF02
            FROM :"staged" AS staged
            WHERE staged.line_no >= load_chunks.first_line
            ORDER BY staged.line_no
            LIMIT 1
        ) AS day
    FROM load_chunks
    WHERE load_id = :load_id
),

steps AS (
    SELECT max(day < day_before) AS unordered
    FROM (
        SELECT
            day,
            lag(day) OVER (ORDER BY chunk_no) AS day_before
        FROM begins
    ) AS ordered
)

SELECT coalesce(steps.unordered, 0) AS unordered
FROM span
CROSS JOIN steps
WHERE
    span.first_day IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM :"table" AS stored WHERE stored.:"partition_by" BETWEEN span.first_day AND span.last_day)
