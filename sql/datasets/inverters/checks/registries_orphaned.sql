-- Every inverter says its plant. Here that plant does not exist.
SELECT
    'inverters' AS table_name,
    inverter_id AS row_key,
    load_id,
    'its plant does not exist' AS what
FROM inverters
WHERE plant_id NOT IN (SELECT plants.plant_id FROM plants)
ORDER BY row_key
