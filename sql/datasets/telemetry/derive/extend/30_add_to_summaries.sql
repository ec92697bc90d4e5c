-- These days are added to, not summed up.
UPDATE inverter_daily_summary/*:stored*/ AS stored
SET
    points = stored.points + extended.points,
    points_with_power = stored.points_with_power + extended.points_with_power,
    milliwatts = stored.milliwatts + extended.milliwatts,
    avg_ac_power_w = whole_div(
        2 * (stored.milliwatts + extended.milliwatts) + stored.points_with_power + extended.points_with_power,
        nullif(2 * (stored.points_with_power + extended.points_with_power), 0)
    ) / 1000.0,
    max_ac_power_w = CASE
        WHEN stored.max_ac_power_w >= extended.most_milliwatts / 1000.0 OR extended.most_milliwatts IS NULL
            THEN stored.max_ac_power_w
        ELSE extended.most_milliwatts / 1000.0
    END
FROM extended_days AS extended
WHERE
    stored.inverter_id = extended.inverter_id
    AND stored.day = extended.day
    AND stored.plant_id = extended.plant_id
