-- Rows of days that the table holds none of are staged where they will stay, if their file is in the order of days, as far as a
-- sample of its days tells: then the table grows at its end, and no row is written twice. What does meet a stored key after all
-- is staged apart, and merged.
-- Twin: PostgreSQL stages by months, which become partitions; SQLite has none, and stages where the rows will stay.
WITH written AS (
    SELECT
        lines.id AS nth,
        lines.value AS written
    FROM load_samples
    CROSS JOIN json_each('[' || replace(json_quote(load_samples.days), '\n', '","') || ']') AS lines
    WHERE load_samples.load_id = :load_id AND instr(load_samples.days, char(92)) = 0
),

sampled AS (
    SELECT -- noqa: LT09
        /*:sampled_day*/
        nth
    FROM written
),

span AS (
    SELECT
        min(day) AS first_day,
        max(day) AS last_day
    FROM sampled
),

ordered AS (
    SELECT
        count(*) = count(day) AS are_days,
        coalesce(max(day < day_before), 0) AS unordered
    FROM (
        SELECT
            day,
            lag(day) OVER (ORDER BY nth) AS day_before
        FROM sampled
    ) AS steps
)

UPDATE loads
SET
    in_place = TRUE,
    first_day = (SELECT span.first_day FROM span),
    last_day = (SELECT span.last_day FROM span)
WHERE
    load_id = :load_id
    AND :records >= :month_records
    AND (SELECT ordered.are_days AND NOT ordered.unordered FROM ordered)
    AND NOT EXISTS (
        SELECT 1
        FROM span
        INNER JOIN :"table" AS stored ON stored.:"partition_by" BETWEEN span.first_day AND span.last_day
    )
    -- only before anything is staged
    AND NOT EXISTS (SELECT 1 FROM load_chunks WHERE load_chunks.load_id = :load_id AND load_chunks.read IS NOT NULL)
