-- All that is staged of a load, apart and in place, for those who look at the load as a whole. Who can look at each part by
-- itself does: reading two of them as one costs SQLite three times as much.
CREATE TEMP VIEW :"delivered" AS
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM :"staged"
UNION ALL
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM :"placed"
