-- What bills need and fx_rates lacks, or has provisionally.
SELECT DISTINCT
    bills.bill_date AS rate_date,
    bills.currency
FROM bills
WHERE
    bills.currency <> 'USD'
    AND NOT EXISTS (
        SELECT 1
        FROM fx_rates
        WHERE fx_rates.rate_date = bills.bill_date AND fx_rates.currency = bills.currency AND NOT fx_rates.provisional
    )
ORDER BY rate_date, bills.currency
