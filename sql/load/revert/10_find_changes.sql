-- What a load is to be taken back of: the rows that stand by it, and its part in the past of others. Where there is a past, the
-- deliveries of a row are put in order again without the load's; else the row goes. Each row seeks its past by the key.
/*:keep_changes*/
SELECT -- noqa: LT09
    :"columns",
    line_no,
    'reverted' AS bucket,
    EXISTS (SELECT 1 FROM :"history" AS past WHERE (:"stored_key") = (:"past_key")) AS replay -- noqa: CP03, LT01, LT06
FROM :"table" AS stored
WHERE load_id = :load_id
UNION ALL
SELECT -- noqa: LT09
    :"columns",
    line_no,
    'past' AS bucket,
    TRUE AS replay
FROM :"history"
WHERE load_id = :load_id OR replaced_by_load_id = :load_id
