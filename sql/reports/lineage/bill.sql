-- Every version of a bill in the order of delivery: its values, and the load, file, line and rules they came by. repeated: the
-- load delivered the values that were there already; superseded: it lost within its own file.
SELECT
    versions.state,
    versions.load_id,
    loads.source,
    versions.line_no,
    versions.customer_name,
    versions.currency,
    versions.product1_revenue,
    versions.product2_revenue,
    loads.published_at,
    versions.replaced_by_load_id,
    loads.rules,
    loads.sha256
FROM (
    SELECT
        'current' AS state,
        customer_name,
        currency,
        product1_revenue,
        product2_revenue,
        load_id,
        line_no,
        NULL AS replaced_by_load_id
    FROM bills
    WHERE bill_date = :bill_date AND bill_id = :bill_id
    UNION ALL
    SELECT
        CASE
            WHEN replaced_by_load_id IS NULL THEN 'repeated'
            WHEN replaced_by_load_id = load_id THEN 'superseded'
            ELSE 'replaced'
        END AS state,
        customer_name,
        currency,
        product1_revenue,
        product2_revenue,
        load_id,
        line_no,
        replaced_by_load_id
    FROM bills_history
    WHERE bill_date = :bill_date AND bill_id = :bill_id
) AS versions
LEFT JOIN loads ON versions.load_id = loads.load_id
ORDER BY versions.load_id, versions.line_no
