-- title: Loads whose records contradicted each other
-- severity: warning
-- for each: dataset
-- do: Look: dbsvc loads show N. Ask the source what tells its records apart; deliver the file again with keys that do
-- runbook: records_contradict
-- :share = 0.05: above this share of the records read
-- :min_records = 3: and with at least this many of them
-- A share of a load's records lost against others of its own file with the same key and other values: several lines a bill, say,
-- of which the last one counts and the others do not. Today such a load is held; these were published before it was, and nobody
-- has released them. Counted while the record that won is current: what was delivered again since then is corrected.
WITH suspects AS (
    SELECT
        loads.load_id,
        loads.dataset,
        loads.source,
        loads.published_at,
        loads.read
    FROM loads
    INNER JOIN replacements ON loads.load_id = replacements.load_id AND loads.load_id = replacements.replaced_by_load_id
    WHERE
        loads.dataset = :dataset
        AND loads.status = 'published'
        AND NOT loads.released
        AND replacements.records >= :min_records
        AND replacements.records > loads.read * :share
),

lost AS (
    SELECT stored.load_id
    FROM :"history" AS past
    INNER JOIN :"table" AS stored ON (:"past_key") = (:"stored_key") AND past.load_id = stored.load_id
    WHERE past.load_id = past.replaced_by_load_id AND past.load_id IN (SELECT suspects.load_id FROM suspects)
)

SELECT
    suspects.load_id,
    suspects.dataset,
    suspects.source,
    suspects.published_at,
    suspects.read,
    count(*) AS superseded
FROM suspects
INNER JOIN lost ON suspects.load_id = lost.load_id
GROUP BY suspects.load_id, suspects.dataset, suspects.source, suspects.published_at, suspects.read
HAVING count(*) >= :min_records AND count(*) > suspects.read * :share
ORDER BY suspects.load_id
