-- title: Loads with far more repeated records than usual
-- severity: warning
-- do: Nothing is counted twice. Look: dbsvc loads show N. Then ask the source why its file repeats itself
-- runbook: duplicates_share_high
-- :factor = 3: a share is high above this many times the usual one
-- :min_share = 0.05: and above this share of the records read
-- :min_repeats = 10: and with at least this many duplicates and superseded records
-- :min_loads = 5: how many published loads before it a load needs to be compared with
-- :days = 7: how many days a finding is shown after the load was published
-- Many more records of a file than usual repeat others of it (duplicate), or lost against others with the same key (superseded).
-- The source joins or exports differently than before. Usual is the median share of the 30 loads of the dataset before it.
WITH suspects AS (
    SELECT
        load_id,
        dataset,
        source,
        published_at,
        read,
        duplicate,
        superseded
    FROM loads
    WHERE
        status = 'published'
        AND published_at >= add_days(:today, -:days)
        AND duplicate + superseded >= :min_repeats
        AND duplicate + superseded > read * :min_share
),

compared AS (
    SELECT
        suspects.*,
        (
            SELECT avg(ranked.share)
            FROM (
                SELECT
                    recent.share,
                    row_number() OVER (ORDER BY recent.share) AS nth,
                    count(*) OVER () AS loads
                FROM (
                    SELECT 1.0 * (earlier.duplicate + earlier.superseded) / earlier.read AS share
                    FROM loads AS earlier
                    WHERE
                        earlier.dataset = suspects.dataset
                        AND earlier.load_id < suspects.load_id
                        AND earlier.status = 'published'
                        AND earlier.read > 0
                    ORDER BY earlier.load_id DESC
                    LIMIT 30
                ) AS recent
            ) AS ranked
            WHERE ranked.loads >= :min_loads AND 2 * ranked.nth BETWEEN ranked.loads AND ranked.loads + 2
        ) AS usual_share
    FROM suspects
)

SELECT
    load_id,
    dataset,
    source,
    published_at,
    read,
    duplicate,
    superseded,
    cast(round(100.0 * (duplicate + superseded) / read, 1) AS double precision) AS percent,
    cast(round(100 * usual_share, 1) AS double precision) AS usual_percent
FROM compared
WHERE duplicate + superseded > read * usual_share * :factor
ORDER BY load_id
