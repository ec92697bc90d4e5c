-- Which loads, of those since one, have replaced rows of which others of them, and how many.
SELECT
    load_id,
    replaced_by_load_id,
    records
FROM replacements
WHERE load_id >= :load_id AND replaced_by_load_id >= :load_id AND load_id <> replaced_by_load_id AND records > 0
ORDER BY load_id, replaced_by_load_id
