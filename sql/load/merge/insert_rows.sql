-- Rows not seen before. In the order of the key, so that the table grows at its end.
-- count: inserted
INSERT INTO :"table" (:"columns", load_id, line_no)
SELECT -- noqa: LT09
    :"columns",
    :load_id,
    line_no
FROM changes
WHERE bucket = 'inserted'
ORDER BY :"key"
