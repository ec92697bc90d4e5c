-- The fast way to publish: where the table holds no rows yet from the load's first day to its last, nothing needs to be compared.
-- All that is staged is inserted, in the order of the file if that is the order of the days, else sorted: the table grows at its
-- end. The table's key fails if it stands twice in the file, and nothing is inserted then.
-- returns: statements
-- SQLite has no partitions to exchange. Whether the file is in order is seen by the first days of its chunks.
-- Twin: a table of SQLite has no partitions.
-- noqa: disable=RF02, LT09
WITH span AS (
    SELECT
        min(:"partition_by") AS first_day,
        max(:"partition_by") AS last_day
    FROM :"staged"
),

vacant AS (
    SELECT *
    FROM span
    WHERE NOT EXISTS (SELECT 1 FROM :"table" AS stored WHERE stored.:"partition_by" BETWEEN span.first_day AND span.last_day)
),

begins AS (
    SELECT
        chunk_no,
        (
            SELECT staged.:"partition_by"
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
),

names AS (
    SELECT group_concat('"' || name || '"', ', ') AS columns
    FROM pragma_table_info(:staged)
)

SELECT
    '-- count: inserted' || char(10)
    || 'INSERT INTO "' || :table || '" (' || names.columns || ') SELECT ' || names.columns || ' FROM "' || :staged || '"'
    || CASE WHEN steps.unordered THEN ' ORDER BY ' || :key_text ELSE '' END AS statement
FROM vacant
CROSS JOIN steps
CROSS JOIN names
UNION ALL
SELECT 'DELETE FROM "' || :staged || '"'
FROM vacant
