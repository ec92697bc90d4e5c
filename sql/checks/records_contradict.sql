-- title: Loads whose records contradicted each other
-- severity: warning
-- do: Look: dbsvc loads show N. Ask the source what tells its records apart; deliver the file again with keys that do
-- runbook: records_contradict
-- :share = 0.05: above this share of the records read
-- :min_records = 3: and with at least so many of them
-- :loads = 100: among so many of the newest loads
-- A share of a load's records lost against others with the same key and other values: several lines a bill, say, of which the
-- last one counts and the others do not. Today such a load is held; these were published before it was, and
-- nobody has released them.
SELECT
    load_id,
    dataset,
    source,
    published_at,
    read,
    superseded
FROM loads
WHERE
    status = 'published'
    AND NOT released
    AND superseded >= :min_records
    AND superseded > read * :share
    AND load_id > (SELECT max(newest.load_id) FROM loads AS newest) - :loads
ORDER BY load_id
