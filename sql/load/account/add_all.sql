-- Accounts for all rows of a table: by the number and the digests of those that a load has there of a day.
INSERT INTO load_days (load_id, day, records, digest)
SELECT
    days.load_id,
    CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END AS day,
    sum(days.records),
    sum(days.digest)
FROM (
    SELECT
        load_id,
        :"day" AS day, -- noqa: AL09
        count(*) AS records,
        sum(row_digest(:digest_format, :"columns")) AS digest
    FROM :"table"
    GROUP BY load_id, :"day"
) AS days
GROUP BY days.load_id, CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END
ON CONFLICT (load_id, day) DO UPDATE SET
    records = load_days.records + excluded.records,
    digest = load_days.digest + excluded.digest
