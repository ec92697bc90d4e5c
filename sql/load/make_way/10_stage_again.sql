-- Rows of a load that is not published lie where rows of this one go: they go back to their staging table, to be merged when that
-- load is published.
-- count: moved
INSERT INTO :"others_staged" (:"columns", load_id, line_no)
SELECT -- noqa: LT09
    :"columns",
    load_id,
    line_no
FROM :"table"
WHERE
    load_id = :others_load_id
    AND (:"key") IN (SELECT :"key" FROM :"staged") -- noqa: RF02
