-- Every version of a bill in the order of delivery: its values, and the load, file, line and rules they came by. repeated: the
-- load delivered the values that were there already; superseded: it lost within its own file.
SELECT -- noqa: LT09
    stored.state,
    stored.load_id,
    loads.source,
    stored.line_no,
    :"stored_values",
    loads.published_at,
    stored.replaced_by_load_id,
    loads.rules,
    loads.sha256
FROM (
    SELECT -- noqa: LT09
        'current' AS state,
        :"columns",
        load_id,
        line_no,
        NULL AS replaced_by_load_id
    FROM bills
    WHERE bill_date = :bill_date AND bill_id = :bill_id
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
    FROM bills_history
    WHERE bill_date = :bill_date AND bill_id = :bill_id
) AS stored
LEFT JOIN loads ON stored.load_id = loads.load_id
ORDER BY stored.load_id, stored.line_no
