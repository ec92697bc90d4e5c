-- All other days that gained readings are summed up.
INSERT INTO touched_days (inverter_id, day)
SELECT
    inverter_id,
    day
FROM added_days
WHERE
    (inverter_id, day) NOT IN (
        SELECT
            extended_days.inverter_id,
            extended_days.day
        FROM extended_days
    )
