-- How many deliveries of one load another one replaced, counted on: what is written of the replayed rows now, less what was.
INSERT INTO replacements (load_id, replaced_by_load_id, records)
SELECT
    load_id,
    replaced_by_load_id,
    sum(records)
FROM (
    SELECT
        load_id,
        replaced_by_load_id,
        1 AS records
    FROM deliveries
    WHERE is_past AND replaced_by_load_id IS NOT NULL
    UNION ALL
    SELECT
        load_id,
        was_replaced_by_load_id,
        -1
    FROM deliveries
    WHERE was_replaced_by_load_id IS NOT NULL
) AS counted
GROUP BY load_id, replaced_by_load_id
HAVING sum(records) <> 0
ON CONFLICT (load_id, replaced_by_load_id) DO UPDATE SET records = replacements.records + excluded.records
