-- All deliveries of the rows to replay: ours, the current one, those in history. Citus has each node keep
-- what it finds only where such a union is a subquery.
/*:keep_delivered*/
SELECT *
FROM (
    SELECT -- noqa: LT09
        :"columns",
        cast(:load_id AS bigint) AS load_id,
        line_no,
        cast(NULL AS bigint) AS was_replaced_by_load_id,
        FALSE AS gone,
        FALSE AS was_current
    FROM changes
    WHERE replay
    UNION ALL
    SELECT -- noqa: LT09
        :"columns",
        load_id,
        line_no,
        cast(NULL AS bigint) AS was_replaced_by_load_id,
        FALSE AS gone,
        TRUE AS was_current
    FROM :"table"
    WHERE (:"key") IN (SELECT :"key" FROM changes WHERE replay) -- noqa: RF02
    UNION ALL
    SELECT -- noqa: LT09
        :"columns",
        load_id,
        line_no,
        replaced_by_load_id AS was_replaced_by_load_id,
        FALSE AS gone,
        FALSE AS was_current
    FROM :"history"
    WHERE
        (:"key") IN (SELECT :"key" FROM changes WHERE replay) -- noqa: RF02
        -- lines that lost within their own file do not stand for their load
        AND (replaced_by_load_id IS NULL OR replaced_by_load_id <> load_id)
) AS found
