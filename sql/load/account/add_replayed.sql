-- Accounts for the rows that stand by another delivery than before: one more for that, one less for the other.
INSERT INTO load_days (load_id, day, records, digest)
SELECT
    days.load_id,
    CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END AS day,
    sum(days.records),
    sum(days.digest)
FROM (
    SELECT
        load_id,
        :"partition_by" AS day,
        CASE WHEN is_current THEN 1 ELSE 0 END - CASE WHEN was_current THEN 1 ELSE 0 END AS records,
        (CASE WHEN is_current THEN 1 ELSE 0 END - CASE WHEN was_current THEN 1 ELSE 0 END)
        * row_digest(:digest_format, :"columns") AS digest
    FROM deliveries
    WHERE is_current <> was_current
) AS days
GROUP BY days.load_id, CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END
ON CONFLICT (load_id, day) DO UPDATE SET
    records = load_days.records + excluded.records,
    digest = load_days.digest + excluded.digest
