-- The touched days are summed up again.
DELETE FROM inverter_daily_summary/*:stored*/
WHERE (inverter_id, day) IN (SELECT * FROM touched_days) -- noqa: RF02
