-- No reading was added of new events: all are taken again.
CREATE TEMP TABLE added_days AS
SELECT
    inverter_id,
    day,
    points AS readings
FROM inverter_daily_summary
WHERE 1 = 0
