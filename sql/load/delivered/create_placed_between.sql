-- What lies in place of a load, between two parts of the key.
CREATE TEMP VIEW :"placed" AS
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM :"table"
WHERE load_id = :'load_id' AND :"partition_by" BETWEEN :'first_part' AND :'last_part'
