-- title: Exchange rates that bills need
-- severity: critical
-- dataset: usage
-- do: dbsvc fx --missing
-- runbook: fx_rates_missing
-- Bills of these days and currencies have no rate, or a provisional one. Without a rate they are in no sum in USD.
SELECT
    bills.bill_date AS rate_date,
    bills.currency,
    count(*) AS bills,
    max(fx_rates.rate) AS provisional_rate
FROM bills
LEFT JOIN fx_rates ON bills.bill_date = fx_rates.rate_date AND bills.currency = fx_rates.currency
WHERE
    bills.bill_date >= :since
    AND bills.bill_date < :today
    AND bills.currency <> 'USD'
    AND (fx_rates.rate IS NULL OR fx_rates.provisional)
GROUP BY bills.bill_date, bills.currency
ORDER BY bills.bill_date, bills.currency
