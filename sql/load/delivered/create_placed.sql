-- What lies in place of a load.
CREATE TEMP VIEW :"placed" AS
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM :"table"
WHERE load_id = :'load_id'
