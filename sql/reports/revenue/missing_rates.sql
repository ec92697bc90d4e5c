-- Bills without a rate: what they come to in their own currency, which is in no sum in USD. Sums are exact.
SELECT
    bill_date AS rate_date,
    currency,
    count(*) AS bills,
    decimal_add(decimal_sum(product1_revenue), decimal_sum(product2_revenue)) AS amount
FROM bills_in_usd
WHERE rate IS NULL AND bill_date BETWEEN :first AND :last
GROUP BY bill_date, currency
ORDER BY bill_date, currency
