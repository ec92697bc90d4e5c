DROP TABLE IF EXISTS fx_rates_history;
DROP TABLE IF EXISTS fx_rates;
