-- The newest day of exchange rates, from which the checks look back.
SELECT max(rate_date) AS newest
FROM fx_rates
