-- title: Loads with more rejects than usual
-- severity: warning
-- do: Look why: dbsvc rejects show N. Correct and ingest them, or ask the source for a better file
-- runbook: rejects_rising
-- :factor = 3: how many times the usual share of rejects is too much
-- :min_share = 0.02: from which share on rejects are worth a look
-- :min_rejects = 5: from how many on
-- :min_loads = 5: how many earlier loads of the dataset tell what is usual
-- A much larger share of these loads was rejected than of the dataset's earlier loads (the median of the last 30 published). The
-- source has changed something. Once they are mended or dismissed nothing is left to do.
WITH numbered AS (
    SELECT
        load_id,
        dataset,
        source,
        status,
        registered_at,
        read,
        rejected,
        row_number() OVER (PARTITION BY dataset ORDER BY load_id) AS nth
    FROM loads
    WHERE status IN ('held', 'published') AND read > 0
),

suspects AS (
    SELECT *
    FROM (
        SELECT
            *,
            rejected - (
                SELECT count(*)
                FROM reject_closings AS closings
                WHERE closings.load_id = numbered.load_id AND closings.state <> 'retried'
            ) AS open_rejects
        FROM numbered
        WHERE registered_at >= :since AND rejected >= :min_rejects
    ) AS recent
    WHERE open_rejects >= :min_rejects AND open_rejects >= :min_share * read
),

compared AS (
    SELECT
        suspects.load_id,
        1.0 * earlier.rejected / earlier.read AS share,
        row_number() OVER (PARTITION BY suspects.load_id ORDER BY 1.0 * earlier.rejected / earlier.read) AS nth,
        count(*) OVER (PARTITION BY suspects.load_id) AS loads
    FROM suspects
    INNER JOIN numbered AS earlier
        ON
            suspects.dataset = earlier.dataset
            AND suspects.nth > earlier.nth
            AND suspects.nth <= earlier.nth + 30
            AND earlier.status = 'published'
),

middle AS (
    SELECT
        load_id,
        avg(share) AS share
    FROM compared
    WHERE loads >= :min_loads AND 2 * nth BETWEEN loads AND loads + 2
    GROUP BY load_id
)

SELECT
    suspects.load_id,
    suspects.dataset,
    suspects.source,
    suspects.registered_at,
    suspects.read,
    suspects.open_rejects AS rejected,
    cast(round(100.0 * suspects.open_rejects / suspects.read, 1) AS double precision) AS rejected_percent,
    cast(round(100.0 * middle.share, 1) AS double precision) AS usual_percent
FROM suspects
INNER JOIN middle ON suspects.load_id = middle.load_id
WHERE suspects.open_rejects > :factor * middle.share * suspects.read
ORDER BY suspects.load_id
