-- What a load is to be taken back of.
CREATE UNLOGGED TABLE :"kept_changes" AS
SELECT -- noqa: LT09
    :"columns",
    line_no,
    '' AS bucket,
    FALSE AS replay
FROM :"table"
WHERE 1 = 0
