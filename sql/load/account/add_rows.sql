-- Accounts for the rows that a load has in a table: by their number and their digests. Grouped by the day alone, which on SQLite
-- is the order they lie in, so that nothing is sorted; or, where there is none, not at all.
INSERT INTO load_days (load_id, day, records, digest)
SELECT
    days.load_id,
    CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END AS day,
    sum(days.records),
    sum(days.digest)
FROM (
    SELECT
        :load_id AS load_id,
        :"day" AS day, -- noqa: AL09
        count(*) AS records,
        sum(row_digest(:digest_format, :"columns")) AS digest
    FROM :"from_table"
    WHERE load_id = :load_id
    GROUP BY :"day"
) AS days
GROUP BY days.load_id, CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END
ON CONFLICT (load_id, day) DO UPDATE SET
    records = load_days.records + excluded.records,
    digest = load_days.digest + excluded.digest
