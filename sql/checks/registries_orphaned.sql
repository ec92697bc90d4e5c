-- title: Rows without a load, inverters without a plant
-- severity: critical
-- for each: dataset
-- do: Nothing of the program does this: find out who changed the rows. Load them again: dbsvc ingest FILE
-- runbook: registries_orphaned
-- Every row says which load it came with, and every inverter its plant. Here that load is not published, or the plant does not
-- exist: nobody knows where the row comes from. Bills and telemetry have checks of their own for that.
SELECT
    :table_name AS table_name,
    concat_ws(' ', :"key") AS row_key,
    load_id,
    'its load is not published' AS what
FROM :"table"
WHERE load_id NOT IN (SELECT loads.load_id FROM loads WHERE loads.status = 'published')
ORDER BY row_key
