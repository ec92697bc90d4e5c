-- The rows of a load and day that carry a pseudonym have another digest now.
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
        count(*) AS records,
        sum(row_digest(:digest_format, :"columns")) AS digest
    FROM :"table" -- noqa: AL04
    WHERE
        load_id IN (SELECT named.load_id FROM :"table" AS named WHERE :"column" = :pseudonym) -- noqa: RF02, AL04
        AND (
            NOT :by_day
            OR :"partition_by" IN (SELECT :"partition_by" FROM :"table" WHERE :"column" = :pseudonym) -- noqa: RF02, AL04
        )
    GROUP BY load_id, :"partition_by"
) AS days
GROUP BY days.load_id, CASE WHEN :by_day THEN cast(days.day AS text) ELSE '' END
ON CONFLICT (load_id, day) DO UPDATE SET
    records = excluded.records,
    digest = excluded.digest
