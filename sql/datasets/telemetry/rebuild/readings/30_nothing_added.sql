-- No reading was added of new events: all are taken again.
CREATE TEMP TABLE added_days AS
SELECT
    inverter_id,
    day
FROM inverter_daily_summary
WHERE 1 = 0
