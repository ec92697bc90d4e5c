-- Which later loads have replaced rows of a load, and how many.
SELECT
    replaced_by_load_id AS load_id,
    records
FROM replacements
WHERE load_id = :load_id AND replaced_by_load_id > :load_id AND records > 0
ORDER BY replaced_by_load_id
