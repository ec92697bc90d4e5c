-- A sample of the daily summary: the newest days.
SELECT *
FROM inverter_daily_summary
ORDER BY day DESC, plant_id ASC, inverter_id ASC
LIMIT :most
