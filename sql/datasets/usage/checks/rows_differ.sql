-- Of bills each day is compared by itself, so that only days since the one looked back to are read.
WITH known AS (
    SELECT
        load_days.load_id,
        load_days.day,
        load_days.records,
        load_days.digest
    FROM load_days
    INNER JOIN loads ON load_days.load_id = loads.load_id
    WHERE loads.dataset = :dataset AND loads.status = 'published' AND load_days.day >= cast(:since AS text)
),

found AS (
    SELECT
        days.load_id,
        cast(days.bill_date AS text) AS day,
        days.records,
        days.digest
    FROM (
        SELECT
            load_id,
            bill_date,
            count(*) AS records,
            sum(row_digest(:digest_format, :"columns")) AS digest
        FROM bills
        WHERE bill_date >= :since
        GROUP BY load_id, bill_date
    ) AS days
)

SELECT
    :table_name AS table_name,
    coalesce(known.load_id, found.load_id) AS load_id,
    coalesce(known.day, found.day) AS day,
    coalesce(known.records, 0) AS records,
    coalesce(found.records, 0) AS records_found,
    CASE WHEN coalesce(known.records, 0) = coalesce(found.records, 0) THEN 'values differ' ELSE 'rows differ' END AS what
FROM known
FULL OUTER JOIN found ON known.load_id = found.load_id AND known.day = found.day
WHERE
    coalesce(known.records, 0) <> coalesce(found.records, 0)
    OR coalesce(known.digest, 0) <> coalesce(found.digest, 0)
ORDER BY coalesce(known.day, found.day), coalesce(known.load_id, found.load_id)
