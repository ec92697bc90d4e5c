-- What an event says of an inverter must be of that inverter, and possible for it.
SELECT
    records.line_in_chunk,
    CASE WHEN known.plant_id <> records.plant_id THEN 'inverter_of_another_plant' END AS inverter_id,
    CASE
        -- at night some send their status or counter alone
        WHEN NOT records.ac_power_given AND NOT records.status_given AND NOT records.energy_wh_total_given THEN 'ac_power_missing'
        -- within a hundredth of the capacity, to the milliwatt, it is what a sensor says at rest
        WHEN records.ac_power < 0 AND -records.ac_power * ac_unit.watts * 1000 <= known.capacity_kw * 10000 + 0.5 THEN NULL
        WHEN records.ac_power < 0 THEN 'ac_power_negative'
        -- 100 MW: ten times the largest inverter there is
        WHEN records.ac_power * ac_unit.watts > 100000000 THEN 'ac_power_impossible'
    END AS ac_power,
    CASE WHEN records.ac_power_given AND NOT records.ac_power_unit_given THEN 'ac_power_unit_missing' END AS ac_power_unit,
    CASE
        WHEN records.dc_power < 0 AND -records.dc_power * dc_unit.watts * 1000 <= known.capacity_kw * 10000 + 0.5 THEN NULL
        WHEN records.dc_power < 0 THEN 'dc_power_negative'
        WHEN records.dc_power * dc_unit.watts > 100000000 THEN 'dc_power_impossible'
    END AS dc_power,
    CASE WHEN records.dc_power_given AND NOT records.dc_power_unit_given THEN 'dc_power_unit_missing' END AS dc_power_unit
FROM :"validated" AS records
LEFT JOIN inverters AS known ON records.inverter_id = known.inverter_id
LEFT JOIN power_units AS ac_unit ON records.ac_power_unit = ac_unit.unit
LEFT JOIN power_units AS dc_unit ON records.dc_power_unit = dc_unit.unit
