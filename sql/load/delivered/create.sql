-- All that is staged of a load, apart and in place, for those who look at the load as a whole.
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
FROM :"table"
WHERE load_id = :'load_id' AND :"partition_by" BETWEEN :'first_day' AND :'last_day'
