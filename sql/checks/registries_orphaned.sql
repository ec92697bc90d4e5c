-- title: Plants and inverters without a load or a plant
-- severity: critical
-- do: Nothing of the program does this: find out who changed the registries. Load them anew: dbsvc ingest FILE
-- runbook: registries_orphaned
-- Every plant and inverter says which load it came with, and every inverter its plant. Here that load is not published, or the
-- plant does not exist: nobody knows where the row comes from.
SELECT
    'plants' AS table_name,
    plant_id AS row_key,
    load_id,
    'its load is not published' AS what
FROM plants
WHERE load_id NOT IN (SELECT loads.load_id FROM loads WHERE loads.status = 'published')
UNION ALL
SELECT
    'inverters',
    inverter_id,
    load_id,
    'its load is not published'
FROM inverters
WHERE load_id NOT IN (SELECT loads.load_id FROM loads WHERE loads.status = 'published')
UNION ALL
SELECT
    'inverters',
    inverter_id,
    load_id,
    'its plant does not exist'
FROM inverters
WHERE plant_id NOT IN (SELECT plants.plant_id FROM plants)
ORDER BY table_name, row_key, what
