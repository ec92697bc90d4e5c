-- title: Datasets that nothing new came for
-- severity: warning
-- do: See whether the delivery came and the job that loads it runs; then load what is there: dbsvc ingest FILE
-- runbook: datasets_stale
-- :factor = 3: a dataset is stale after this many times the usual gap between its loads
-- :min_hours = 24: but not before this many hours
-- :min_loads = 5: how many published loads, over at least min_hours, a dataset needs before any gap is usual
-- The newest published load of a dataset is much older than loads usually are when the next one comes. The usual gap: half of
-- the time that the newest 200 loads span was spent in gaps no longer than it. Many files at once do not make it short.
WITH recent AS (
    SELECT
        dataset,
        load_id,
        source,
        published_at,
        row_number() OVER (PARTITION BY dataset ORDER BY published_at DESC, load_id DESC) AS nth,
        epoch_seconds(published_at) AS second,
        epoch_seconds(current_timestamp) AS this_second
    FROM loads
    WHERE status = 'published'
),

gaps AS (
    SELECT
        dataset,
        second - lead(second) OVER (PARTITION BY dataset ORDER BY nth) AS seconds
    FROM recent
    WHERE nth <= 200
),

ranked AS (
    SELECT
        dataset,
        seconds,
        sum(seconds) OVER (PARTITION BY dataset ORDER BY seconds) AS up_to,
        sum(seconds) OVER (PARTITION BY dataset) AS span,
        count(*) OVER (PARTITION BY dataset) + 1 AS loads
    FROM gaps
    WHERE seconds IS NOT NULL
),

usual AS (
    SELECT
        dataset,
        min(seconds) AS seconds
    FROM ranked
    WHERE loads >= :min_loads AND span >= :min_hours * 3600 AND 2 * up_to >= span
    GROUP BY dataset
)

SELECT
    recent.dataset,
    recent.load_id AS newest_load_id,
    recent.source AS newest_source,
    recent.published_at,
    cast(round((recent.this_second - recent.second) / 3600.0, 1) AS double precision) AS hours_ago,
    cast(round(usual.seconds / 3600.0, 1) AS double precision) AS usual_hours
FROM recent
INNER JOIN usual ON recent.dataset = usual.dataset
WHERE
    recent.nth = 1
    AND recent.this_second - recent.second > usual.seconds * :factor
    AND recent.this_second - recent.second > :min_hours * 3600
ORDER BY recent.dataset
