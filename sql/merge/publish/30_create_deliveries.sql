-- The deliveries of the rows to replay, with what each turns out to be.
CREATE TEMP TABLE deliveries AS
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no,
    load_id AS replaced_by_load_id,
    1 = 1 AS is_current
FROM :"table"
WHERE 1 = 0
