-- Revenue in USD of each day, customer or currency, then of all together. Sums are exact. Bills whose rate is missing are counted
-- apart; what has no rate at all has no revenue that we know of, hence null.
WITH sums AS MATERIALIZED (
    SELECT
        :"by" AS label,
        count(*) AS bills,
        count(*) - count(rate) AS bills_without_rate,
        decimal_sum(product1_usd) AS product1_usd,
        decimal_sum(product2_usd) AS product2_usd
    FROM bills_in_usd
    WHERE bill_date BETWEEN :first AND :last
    GROUP BY :"by"
)

SELECT
    label,
    bills,
    bills_without_rate,
    product1_usd,
    product2_usd,
    decimal_add(product1_usd, product2_usd) AS revenue_usd,
    FALSE AS is_total
FROM sums
UNION ALL
SELECT
    NULL,
    cast(coalesce(sum(bills), 0) AS bigint),
    cast(coalesce(sum(bills_without_rate), 0) AS bigint),
    decimal_sum(product1_usd),
    decimal_sum(product2_usd),
    decimal_add(decimal_sum(product1_usd), decimal_sum(product2_usd)),
    TRUE
FROM sums
ORDER BY is_total, label
