-- Twin: Citus refuses the LIMIT of the portable file, for it depends on a query; here a condition is asked once.
-- Audit: 03/04/2021 can be read in two ways. The contract says day first; but where every day of the file can be read with the
-- month first as well, and only so the days follow each other, the file was hardly written day first. Nobody guesses: it is held.
-- Days follow each other when no step from one to the next is longer than a week or so; of fewer than three days that says
-- nothing. Days are numbered in years of 12 months of 31 days, which needs no calendar: a step over the end of a month seems up
-- to three days longer.
-- How the days are written is known from a sample. If that has slashes alone, all staged bills are looked at, up to the first
-- one whose day is no month.
WITH written_with_slashes AS (
    SELECT load_id
    FROM load_samples
    WHERE load_id = :load_id AND days LIKE '%/%' AND days NOT LIKE '%-%'
),

-- by one row of it: what EXISTS asks for is gathered whole
clear AS (
    SELECT 1 AS is_clear
    FROM :"staged"
    WHERE EXISTS (SELECT 1 FROM written_with_slashes) AND substr(cast(bill_date AS text), 9, 2) > '12'
    LIMIT 1 -- noqa: AM09
),

days AS (
    SELECT DISTINCT cast(bill_date AS text) AS day_first
    FROM :"staged"
    WHERE EXISTS (SELECT 1 FROM written_with_slashes) AND NOT EXISTS (SELECT 1 FROM clear)
),

readings AS (
    SELECT
        day_first,
        substr(day_first, 1, 5) || substr(day_first, 9, 2) || '-' || substr(day_first, 6, 2) AS month_first
    FROM days
),

numbered AS (
    SELECT
        day_first,
        month_first,
        cast(substr(day_first, 1, 4) AS integer) * 372 + cast(substr(day_first, 6, 2) AS integer) * 31
        + cast(substr(day_first, 9, 2) AS integer) AS nth_day_first,
        cast(substr(month_first, 1, 4) AS integer) * 372 + cast(substr(month_first, 6, 2) AS integer) * 31
        + cast(substr(month_first, 9, 2) AS integer) AS nth_month_first
    FROM readings
),

steps AS (
    SELECT
        day_first,
        month_first,
        nth_day_first - lag(nth_day_first) OVER (ORDER BY nth_day_first) AS step_day_first,
        nth_month_first - lag(nth_month_first) OVER (ORDER BY nth_month_first) AS step_month_first
    FROM numbered
)

SELECT
    'every date can be read with the month first, and only so do the days follow each other: ' || min(month_first) || ' to '
    || max(month_first) || '; read with the day first, as dates are here, they are ' || min(day_first) || ' to ' || max(day_first)
    || ' with gaps (a profile decides: date = "month_first" or "day_first")' AS finding
FROM steps
HAVING count(*) >= 3 AND max(step_month_first) <= 10 AND max(step_day_first) > 10
