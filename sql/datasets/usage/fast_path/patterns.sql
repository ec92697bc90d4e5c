-- What a field looks like that surely keeps the contract, and that needs no quotes: regular expressions over the bytes of UTF-8;
-- several for one field are alternatives, tried in this order. A record whose fields all match takes the fast path:
-- it is staged as it is. All others are landed and validated. A test compares both ways: what matches here must be good there.
-- What does not match only costs time.
WITH today AS (
    SELECT cast(current_date AS text) AS iso
),

-- From 1900 to this year, whose days are all near enough; so in this century.
years AS (
    SELECT
        '(?:20(?:[0-' || (cast(substr(iso, 3, 1) AS integer) - 1) || ']\d|' || substr(iso, 3, 1) || '[0-' || substr(iso, 4, 1)
        || '])|19\d\d)' AS pattern
    FROM today
)

SELECT
    field,
    pattern
FROM (
    -- days that every such month has, whatever the year
    SELECT
        1 AS nth,
        'bill_date' AS field,
        pattern || '-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])' AS pattern
    FROM years
    UNION ALL
    SELECT
        2 AS nth,
        'bill_date' AS field,
        pattern || '-(?:0[13-9]|1[0-2])-(?:29|30)' AS pattern
    FROM years
    UNION ALL
    SELECT
        3 AS nth,
        'bill_date' AS field,
        pattern || '-(?:0[13578]|1[02])-31' AS pattern
    FROM years
    UNION ALL
    SELECT
        4 AS nth,
        'bill_date' AS field,
        '(?:0[1-9]|1\d|2[0-8])/(?:0[1-9]|1[0-2])/' || pattern AS pattern
    FROM years
    UNION ALL
    SELECT
        5 AS nth,
        'bill_date' AS field,
        '(?:29|30)/(?:0[13-9]|1[0-2])/' || pattern AS pattern
    FROM years
    UNION ALL
    SELECT
        6 AS nth,
        'bill_date' AS field,
        '31/(?:0[13578]|1[02])/' || pattern AS pattern
    FROM years
    UNION ALL
    SELECT
        7 AS nth,
        'bill_id' AS field,
        '\d{1,18}' AS pattern
    UNION ALL
    SELECT
        CASE WHEN code IN ('USD', 'ILS', 'EUR', 'GBP') THEN 8 ELSE 9 END AS nth,
        'currency' AS field,
        code AS pattern
    FROM currencies
    UNION ALL
    -- \xc2\xa0 is the no-break space, which is trimmed as well
    SELECT
        10 AS nth,
        'customer_name' AS field,
        '(?![ \t]|\xc2\xa0)[^",\r\n\0]{1,1000}+(?<![ \t])(?<!\xc2\xa0)' AS pattern
    UNION ALL
    SELECT
        11 AS nth,
        'product1_revenue' AS field,
        '(?:0|[1-9]\d{0,13}+)(?:\.\d{1,8}+)?+' AS pattern
    UNION ALL
    SELECT
        12 AS nth,
        'product2_revenue' AS field,
        '(?:0|[1-9]\d{0,13}+)(?:\.\d{1,8}+)?+' AS pattern
) AS fields
ORDER BY nth
