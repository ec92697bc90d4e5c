-- The contract of a plant. Returns the records that break it, each with the names of all the rules it breaks.
-- A real zone is one that this database can compute with.
-- Twin: PostgreSQL lists its zones, SQLite knows none; and SQLite has no regular expressions, only GLOB.
WITH zones AS MATERIALIZED (
    SELECT name
    FROM pg_timezone_names
    WHERE name ~ '^[A-Z]' -- the others are files beside the zones
),

validated AS (
    SELECT
        line_in_chunk,
        CASE
            WHEN fault LIKE '%\_fields' OR fault LIKE '%\_quote' THEN fault
            ELSE concat_ws(
                ' ',
                nullif(fault, ''),
                CASE
                    WHEN plant_id = '' THEN 'plant_id_missing'
                    WHEN length(plant_id) > 200 THEN 'plant_id_too_long'
                    WHEN plant_id = '�' THEN 'plant_id_invalid'
                END,
                CASE WHEN name = '' THEN 'name_missing' WHEN length(name) > 1000 THEN 'name_too_long' END,
                CASE WHEN length(location) > 1000 THEN 'location_too_long' END,
                CASE
                    WHEN timezone = '' THEN 'timezone_missing'
                    WHEN timezone NOT IN (SELECT zones.name FROM zones) THEN 'timezone_unknown'
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
