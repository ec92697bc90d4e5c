-- How many lines of this file another line of it replaced, counted on: a retry brings more of them.
INSERT INTO replacements (load_id, replaced_by_load_id, records)
SELECT
    :load_id,
    :load_id,
    count(*)
FROM duplicates
WHERE bucket = 'superseded'
HAVING count(*) > 0
ON CONFLICT (load_id, replaced_by_load_id) DO UPDATE SET records = replacements.records + excluded.records
