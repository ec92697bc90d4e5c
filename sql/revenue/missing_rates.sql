-- Bills without a rate: what they come to in their own currency, which is in no sum in USD.
SELECT
    bill_date AS rate_date,
    currency,
    bills,
    amount
FROM revenue_daily
WHERE rate IS NULL AND bill_date BETWEEN :first AND :last
ORDER BY rate_date, currency
