-- The deliveries of the rows to replay, with what each turns out to be: current, past, or a duplicate that is not kept. And what
-- it was, and what was written of it, before.
/*:keep_deliveries*/
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no,
    load_id AS replaced_by_load_id,
    load_id AS was_replaced_by_load_id,
    1 = 1 AS is_current,
    1 = 1 AS is_past,
    1 = 1 AS was_current
FROM :"table"
WHERE 1 = 0
