DROP VIEW IF EXISTS revenue_daily;
DROP VIEW IF EXISTS bills_in_usd;
