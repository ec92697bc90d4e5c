-- No day is added to: every day that gains readings is summed up again.
-- Twin: a reading cannot ask for its neighbours on its node, and fetching these costs what summing up costs.
CREATE TEMP TABLE extended_days AS
SELECT
    plant_id,
    inverter_id,
    day,
    readings AS points,
    readings AS points_with_power,
    readings AS milliwatts,
    readings AS most_milliwatts
FROM steady_days
WHERE FALSE
