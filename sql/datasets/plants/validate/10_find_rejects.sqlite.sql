-- The contract of a plant. Returns the records that break it, each with the names of all the rules it breaks.
-- A real zone is one that this database can compute with. The engine's function local_day gives no day for
-- a zone that does not exist.
-- Twin: PostgreSQL lists its zones, SQLite knows none; and SQLite has no regular expressions, only GLOB.
WITH validated AS (
    SELECT
        line_in_chunk,
        CASE
            WHEN fault LIKE '%\_fields' ESCAPE '\' OR fault LIKE '%\_quote' ESCAPE '\' THEN fault
            ELSE trim(
                fault
                || CASE
                    WHEN plant_id = '' THEN ' plant_id_missing'
                    WHEN length(plant_id) > 200 THEN ' plant_id_too_long'
                    WHEN plant_id = '�' THEN ' plant_id_invalid'
                    ELSE ''
                END
                || CASE WHEN name = '' THEN ' name_missing' WHEN length(name) > 1000 THEN ' name_too_long' ELSE '' END
                || CASE WHEN length(location) > 1000 THEN ' location_too_long' ELSE '' END
                || CASE
                    WHEN timezone = '' THEN ' timezone_missing'
                    WHEN timezone NOT GLOB '[A-Z]*' OR local_day('2000-01-01 00:00:00', timezone) IS NULL
                        THEN ' timezone_unknown'
                    ELSE ''
                END
            )
        END AS reasons
    FROM :"landed"
)

SELECT
    line_in_chunk,
    reasons
FROM validated
WHERE reasons <> ''
ORDER BY line_in_chunk
