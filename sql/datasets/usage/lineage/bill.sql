-- key: bill_date, bill_id
-- `dbsvc lineage bill DATE BILL`: what a bill is in USD, and the rate that was used: whence, and when fetched.
SELECT
    bills_in_usd.product1_usd,
    bills_in_usd.product2_usd,
    bills_in_usd.rate,
    fx_rates.provider,
    fx_rates.quoted_at,
    fx_rates.fetched_at,
    fx_rates.provisional
FROM bills_in_usd
LEFT JOIN fx_rates ON bills_in_usd.bill_date = fx_rates.rate_date AND bills_in_usd.currency = fx_rates.currency
WHERE bills_in_usd.bill_date = :key_1 AND bills_in_usd.bill_id = :key_2
