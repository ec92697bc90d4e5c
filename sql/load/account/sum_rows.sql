-- The rows that a load has in a table: their number and their digests. Grouped by the day alone, which on SQLite is the order
-- they lie in, so that nothing is sorted; or, where there is none, not at all. It only reads, so a server may use several cores.
SELECT
    CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END AS day,
    cast(sum(days.records) AS text) AS records,
    cast(sum(days.digest) AS text) AS digest
FROM (
    SELECT
        :"day" AS day, -- noqa: AL09
        count(*) AS records,
        sum(row_digest(:digest_format, :"columns")) AS digest
    FROM :"from_table"
    WHERE load_id = :load_id
    GROUP BY :"day"
) AS days
GROUP BY CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END
