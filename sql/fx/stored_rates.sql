-- The rates of these days. A final one is not asked for again.
SELECT * FROM fx_rates WHERE rate_date BETWEEN :first AND :last ORDER BY rate_date, currency
