-- The months that a load with many rows a month is staged by, so that whole months can be placed. Which months it may have is
-- taken from a sample of its days; rows of any other month go to the rest, and are merged. A day that cannot be is no reason to
-- stop: the record is validated later.
-- Twin: PostgreSQL stages by months, which become partitions; SQLite has none, and stages where the rows will stay.
WITH sampled AS (
    SELECT -- noqa: LT09
        /*:sampled_day*/
        load_samples.load_id
    FROM load_samples
    CROSS JOIN LATERAL string_to_table(load_samples.days, E'\n') AS written -- noqa: AL05
    WHERE load_samples.load_id = :load_id
),

span AS (
    SELECT
        date_trunc('month', min(day)) AS first_month,
        date_trunc('month', max(day)) AS last_month
    FROM sampled
    -- a month of the year 9999 may end in the next, which no driver reads
    WHERE day < '9999-01-01'
),

months AS (
    SELECT
        begins.day::date AS first_day,
        (begins.day + interval '1 month')::date AS next_day,
        :staged_name || to_char(begins.day, '"_"YYYY"_"MM') AS month,
        count(*) OVER () AS months
    FROM span
    CROSS JOIN LATERAL generate_series(span.first_month, span.last_month, interval '1 month') AS begins (day)
)

SELECT
    first_day,
    next_day,
    month
FROM months
WHERE
    :records >= :month_records * months
    -- only before anything is staged, and once
    AND NOT EXISTS (SELECT 1 FROM load_chunks WHERE load_chunks.load_id = :load_id AND load_chunks.read IS NOT NULL)
    -- by the catalog's rows: to_regclass() may remember from before we waited for a lock what has another name since
    AND EXISTS (
        SELECT 1
        FROM pg_class AS staged
        INNER JOIN pg_class AS ledger ON staged.relnamespace = ledger.relnamespace
        WHERE staged.relname = :staged_name AND staged.relkind = 'r' AND ledger.oid = 'loads'::regclass
    )
ORDER BY first_day
