-- The versions of a row, the newest first, each with the load, file, line and rules it came by. repeated: the load delivered the
-- values that were there already; superseded: it lost within its own file.
SELECT -- noqa: LT09
    versions.state,
    versions.load_id,
    loads.source,
    versions.line_no,
    /*:versions*/
    loads.published_at,
    versions.replaced_by_load_id,
    loads.rules,
    loads.sha256
FROM (
    SELECT -- noqa: LT09
        'current' AS state,
        :"columns",
        load_id,
        line_no,
        NULL AS replaced_by_load_id
    FROM :"table"
    WHERE TRUE /*:is_key*/
    UNION ALL
    SELECT -- noqa: LT09
        CASE
            WHEN replaced_by_load_id IS NULL THEN 'repeated'
            WHEN replaced_by_load_id = load_id THEN 'superseded'
            ELSE 'replaced'
        END AS state,
        :"columns",
        load_id,
        line_no,
        replaced_by_load_id
    FROM :"history"
    WHERE TRUE /*:is_key*/
) AS versions
LEFT JOIN loads ON versions.load_id = loads.load_id
ORDER BY versions.load_id DESC, versions.line_no DESC
