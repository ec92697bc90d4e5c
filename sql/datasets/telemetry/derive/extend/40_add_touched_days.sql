-- All other days that gained readings are summed up.
INSERT INTO touched_days (inverter_id, day)
SELECT
    inverter_id,
    day
FROM added_days
WHERE
    NOT EXISTS (
        SELECT 1
        FROM extended_days
        WHERE extended_days.inverter_id = added_days.inverter_id AND extended_days.day = added_days.day
    )
