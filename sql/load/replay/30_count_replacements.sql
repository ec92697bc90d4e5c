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
        count(*) AS records
    FROM deliveries
    WHERE is_past AND replaced_by_load_id IS NOT NULL
    GROUP BY load_id, replaced_by_load_id
    UNION ALL
    SELECT
        load_id,
        was_replaced_by_load_id,
        -count(*)
    FROM deliveries
    WHERE was_replaced_by_load_id IS NOT NULL
    GROUP BY load_id, was_replaced_by_load_id
) AS counted
GROUP BY load_id, replaced_by_load_id
HAVING sum(records) <> 0
ON CONFLICT (load_id, replaced_by_load_id) DO UPDATE SET records = replacements.records + excluded.records
