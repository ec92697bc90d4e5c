-- title: Rows that are not what their load published
-- severity: critical
-- for each: dataset
-- do: Find out who changed rows. Restore a backup; or, if they may stay as they are: dbsvc db reconcile
-- runbook: rows_differ
-- When a load is published, the number of its rows and a digest of their values are kept, and follow what later loads replace.
-- These loads have other rows now: somebody else changed, added or deleted some. Rows of a table that is partitioned by days are
-- compared day by day. Events are left to the checks that compare them with what is derived from them.
WITH known AS (
    SELECT
        load_days.load_id,
        sum(load_days.records) AS records,
        sum(load_days.digest) AS digest
    FROM load_days
    INNER JOIN loads ON load_days.load_id = loads.load_id
    WHERE loads.dataset = :dataset AND loads.status = 'published' AND :is_digested
    GROUP BY load_days.load_id
),

found AS (
    SELECT
        load_id,
        count(*) AS records,
        sum(row_digest(:digest_format, :"columns")) AS digest
    FROM :"table"
    WHERE :is_digested
    GROUP BY load_id
)

SELECT
    :table_name AS table_name,
    coalesce(known.load_id, found.load_id) AS load_id,
    '' AS day,
    cast(coalesce(known.records, 0) AS bigint) AS records,
    coalesce(found.records, 0) AS records_found,
    CASE WHEN coalesce(known.records, 0) = coalesce(found.records, 0) THEN 'values differ' ELSE 'rows differ' END AS what
FROM known
FULL OUTER JOIN found ON known.load_id = found.load_id
WHERE
    coalesce(known.records, 0) <> coalesce(found.records, 0)
    OR coalesce(known.digest, 0) <> coalesce(found.digest, 0)
ORDER BY coalesce(known.load_id, found.load_id)
