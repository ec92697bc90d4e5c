-- Revenue in USD of each product, then of both. Sums are exact. Bills whose rate is missing are counted apart.
WITH sums AS MATERIALIZED (
    SELECT
        count(*) AS bills,
        count(*) - count(rate) AS bills_without_rate,
        decimal_sum(product1_usd) AS product1_usd,
        decimal_sum(product2_usd) AS product2_usd
    FROM bills_in_usd
    WHERE bill_date BETWEEN :first AND :last
)

SELECT
    'product1' AS label,
    bills,
    bills_without_rate,
    product1_usd AS revenue_usd,
    FALSE AS is_total
FROM sums
UNION ALL
SELECT
    'product2',
    bills,
    bills_without_rate,
    product2_usd,
    FALSE
FROM sums
UNION ALL
SELECT
    NULL,
    bills,
    bills_without_rate,
    decimal_add(product1_usd, product2_usd),
    TRUE
FROM sums
ORDER BY is_total, label
