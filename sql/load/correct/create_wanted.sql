-- Where open rejects wait to be looked for among the rows, with their keys as rows have them.
CREATE TEMP TABLE wanted AS
SELECT -- noqa: LT09
    load_id AS reject_load_id,
    line_no AS reject_line_no,
    :"key"
FROM :"table"
WHERE 1 = 0
