-- An inverter got another capacity: what its counter says on its days is counted by that.
CREATE TEMP TABLE touched_days AS
SELECT
    inverter_id,
    day
FROM inverter_daily_summary/*:stored*/
WHERE
    inverter_id IN (
        SELECT deliveries.inverter_id
        FROM deliveries
        GROUP BY deliveries.inverter_id
        HAVING min(deliveries.capacity_kw) < max(deliveries.capacity_kw)
    )
