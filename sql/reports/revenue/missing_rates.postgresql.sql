-- Bills without a rate: what they come to in their own currency, which is in no sum in USD.
SELECT
    bill_date AS rate_date,
    currency,
    count(*) AS bills,
    sum(product1_revenue) + sum(product2_revenue) AS amount
FROM bills_in_usd
WHERE rate IS NULL AND bill_date BETWEEN :first AND :last
GROUP BY bill_date, currency
ORDER BY bill_date, currency
