-- title: Loads whose records do not add up
-- severity: critical
-- do: Nothing of the program does this: find out who changed the database. Then restore it from a backup, or load the file again
-- runbook: ledger_buckets_wrong
-- Every record read must be in one bucket. For these published loads the ledger contradicts itself, or the quarantine: records
-- are lost, or somebody changed the tables by hand.
WITH published AS (
    SELECT
        load_id,
        source,
        read,
        rejected,
        inserted + updated + unchanged + duplicate + superseded + rejected AS buckets
    FROM loads
    WHERE status = 'published'
),

chunks AS (
    SELECT
        load_id,
        sum(read) AS read
    FROM load_chunks
    GROUP BY load_id
),

quarantine AS (
    SELECT
        load_id,
        sum(records) AS records
    FROM (
        SELECT
            load_id,
            count(*) AS records
        FROM rejects
        GROUP BY load_id
        UNION ALL
        SELECT
            load_id,
            records
        FROM pruned_rejects
    ) AS counted
    GROUP BY load_id
)

SELECT
    load_id,
    source,
    'read, and the sum of its buckets' AS what,
    read AS expected,
    cast(buckets AS bigint) AS found
FROM published
WHERE read <> buckets
UNION ALL
SELECT
    published.load_id,
    published.source,
    'read, and the sum of its chunks',
    published.read,
    cast(coalesce(chunks.read, 0) AS bigint)
FROM published
LEFT JOIN chunks ON published.load_id = chunks.load_id
WHERE published.read <> coalesce(chunks.read, 0)
UNION ALL
SELECT
    published.load_id,
    published.source,
    'rejected, and its records in quarantine',
    published.rejected,
    cast(coalesce(quarantine.records, 0) AS bigint)
FROM published
LEFT JOIN quarantine ON published.load_id = quarantine.load_id
WHERE published.rejected <> coalesce(quarantine.records, 0)
UNION ALL
SELECT
    published.load_id,
    published.source,
    'chunk ' || load_chunks.chunk_no || ': read, and staged + rejected',
    load_chunks.read,
    load_chunks.staged + load_chunks.rejected
FROM published
INNER JOIN load_chunks ON published.load_id = load_chunks.load_id
WHERE load_chunks.read IS NULL OR load_chunks.read IS DISTINCT FROM load_chunks.staged + load_chunks.rejected
ORDER BY load_id, what
