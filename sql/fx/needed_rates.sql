-- What bills need and fx_rates lacks, or has provisionally. Compared as sets: bills may lie on other nodes than rates.
SELECT DISTINCT
    bills.bill_date AS rate_date,
    bills.currency
FROM bills
WHERE bills.currency <> 'USD'
EXCEPT
SELECT
    fx_rates.rate_date,
    fx_rates.currency
FROM fx_rates
WHERE NOT fx_rates.provisional
ORDER BY rate_date, currency
