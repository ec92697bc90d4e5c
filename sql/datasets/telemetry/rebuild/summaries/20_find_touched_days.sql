-- The days of these readings; and the stored days from before the first to after the last of them, which may have no reading at
-- all: nobody lives more than two days from UTC. The last batch has room left, and takes all days that are left.
CREATE TEMP TABLE touched_days AS
SELECT
    inverter_id,
    day
FROM changes
UNION
SELECT
    inverter_id,
    day
FROM inverter_daily_summary/*:stored*/
WHERE
    (inverter_id, day) >= (:after_inverter_id, add_days(:after_time, -2))
    AND (
        (SELECT count(*) FROM changes) < :most
        OR (inverter_id, day) <= (
            SELECT
                changes.inverter_id,
                add_days(changes.event_time, 2)
            FROM changes
            ORDER BY changes.inverter_id DESC, changes.event_time DESC
            LIMIT 1
        )
    )
