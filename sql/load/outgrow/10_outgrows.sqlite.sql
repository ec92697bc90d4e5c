-- Whether a load brings more rows than are stored: then building an index again is faster than row by row. On PostgreSQL that
-- would lock readers out.
WITH few AS (SELECT count(*) AS records FROM :"staged")

SELECT 1 AS outgrows
FROM few
WHERE (SELECT count(*) FROM (SELECT 1 FROM :"table" LIMIT (SELECT few.records FROM few)) AS stored) < few.records -- noqa: AM09
