-- title: Files under new names with nothing new in them
-- severity: warning
-- for each: dataset
-- do: Nothing is counted twice. Ask the source whether the file that should have come is missing
-- runbook: files_alike
-- :share = 0.9: from which share of its good records on a load repeats what was there
-- :min_records = 20: how many good records a load needs to be looked at
-- :days = 7: how many days a finding is shown after the load was published
-- A file of a name that had not come before held nearly only records that were stored already: an old file with another name,
-- perhaps in place of a new one. A corrected file under its old name is none of
-- these, nor what was delivered again on purpose.
SELECT
    loads.load_id,
    loads.dataset,
    loads.source,
    loads.published_at,
    loads.read - loads.rejected AS good_records,
    loads.unchanged
FROM loads
WHERE
    loads.dataset = :dataset
    AND loads.status = 'published'
    AND loads.delivery = 1
    AND NOT :is_registry
    AND loads.published_at >= add_days(:today, -:days)
    AND loads.read - loads.rejected >= :min_records
    AND loads.unchanged >= (loads.read - loads.rejected) * :share
    AND NOT EXISTS (
        SELECT 1
        FROM loads AS earlier
        WHERE
            earlier.dataset = loads.dataset
            AND earlier.load_id < loads.load_id
            AND earlier.status = 'published'
            AND earlier.source = loads.source
    )
ORDER BY loads.load_id
