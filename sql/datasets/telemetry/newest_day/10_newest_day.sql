-- The newest day of telemetry, from which the checks look back: the newest of the daily summaries, which are few.
SELECT max(day) AS newest
FROM inverter_daily_summary
