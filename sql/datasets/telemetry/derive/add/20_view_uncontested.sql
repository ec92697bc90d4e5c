-- New events that have their moment to themselves are most of a load: their readings are taken from them, and nothing is looked
-- up.
CREATE TEMP VIEW uncontested AS
SELECT
    inverter_id,
    event_time,
    plant_id,
    event_id,
    source,
    ac_power,
    ac_power_unit,
    dc_power,
    dc_power_unit,
    energy_wh_total,
    temperature_c,
    status
FROM changes
WHERE
    bucket = 'inserted'
    AND (inverter_id, event_time) NOT IN (SELECT * FROM competing) -- noqa: RF02
