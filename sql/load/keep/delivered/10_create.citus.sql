-- The deliveries of the rows to replay, as they are found.
CREATE UNLOGGED TABLE :"kept_delivered" AS
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no,
    load_id AS was_replaced_by_load_id,
    FALSE AS gone,
    FALSE AS was_current
FROM :"table"
WHERE 1 = 0
