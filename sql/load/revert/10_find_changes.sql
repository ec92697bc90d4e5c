-- What a load is to be taken back of: the rows that stand by it, and its part in the past of others. Where there is a past, the
-- deliveries of a row are put in order again without the load's; else the row goes.
-- noqa: disable=LT09, RF02, ST07
CREATE TEMP TABLE changes AS
WITH past AS (
    SELECT DISTINCT
        :"key",
        TRUE AS replay
    FROM :"history"
)

SELECT
    :"columns",
    line_no,
    'reverted' AS bucket,
    coalesce(past.replay, FALSE) AS replay
FROM :"table"
LEFT JOIN past USING (:"key")
WHERE load_id = :load_id
UNION ALL
SELECT
    :"columns",
    line_no,
    'past' AS bucket,
    TRUE AS replay
FROM :"history"
WHERE load_id = :load_id OR replaced_by_load_id = :load_id
