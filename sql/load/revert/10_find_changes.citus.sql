-- Twin: Citus asks no row of a table that is spread whether it is in another such table, but joins the two.
-- What a load is to be taken back of: the rows that stand by it, and its part in the past of others. Where there is a past, the
-- deliveries of a row are put in order again without the load's; else the row goes.
/*:keep_changes*/
SELECT -- noqa: LT09
    :"columns",
    line_no,
    'reverted' AS bucket,
    replay
FROM (
    SELECT
        stored.*,
        past.is_past IS NOT NULL AS replay
    FROM :"table" AS stored
    LEFT JOIN (
        SELECT DISTINCT -- noqa: LT09
            :"key",
            TRUE AS is_past
        FROM :"history"
    ) AS past ON (:"stored_key") = (:"past_key")
    WHERE stored.load_id = :load_id
) AS stored
UNION ALL
SELECT -- noqa: LT09
    :"columns",
    line_no,
    'past' AS bucket,
    TRUE AS replay
FROM :"history"
WHERE load_id = :load_id OR replaced_by_load_id = :load_id
