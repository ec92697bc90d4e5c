-- The contract of an inverter. Returns the records that break it, each with the names of all the rules it breaks.
-- Twin: SQLite has no regular expressions, and a registered function for them would be called for each field of each record;
-- GLOB is built in.
WITH validated AS (
    SELECT
        line_in_chunk,
        CASE
            WHEN fault LIKE '%\_fields' ESCAPE '\' OR fault LIKE '%\_quote' ESCAPE '\' THEN fault
            ELSE trim(
                fault
                || CASE
                    WHEN inverter_id = '' THEN ' inverter_id_missing'
                    WHEN length(inverter_id) > 200 THEN ' inverter_id_too_long'
                    WHEN inverter_id = '�' THEN ' inverter_id_invalid'
                    ELSE ''
                END
                || CASE
                    WHEN plant_id = '' THEN ' plant_id_missing'
                    WHEN plant_id NOT IN (SELECT plants.plant_id FROM plants) THEN ' plant_unknown'
                    ELSE ''
                END
                || CASE WHEN length(vendor) > 1000 THEN ' vendor_too_long' ELSE '' END
                || CASE WHEN length(model) > 1000 THEN ' model_too_long' ELSE '' END
                || CASE
                    WHEN capacity_kw = '' THEN ' capacity_kw_missing'
                    WHEN
                        length(capacity_kw) > 40 OR capacity_kw NOT GLOB '*[0-9]*' OR capacity_kw GLOB '*.*.*'
                        OR substr(capacity_kw, 1 + (capacity_kw GLOB '-*')) GLOB '*[^0-9.]*'
                        THEN ' capacity_kw_invalid'
                    WHEN cast(capacity_kw AS real) <= 0 THEN ' capacity_kw_not_positive'
                    -- 100 MW: ten times the largest there are
                    WHEN cast(capacity_kw AS real) > 100000 THEN ' capacity_kw_impossible'
                    ELSE ''
                END
                || CASE WHEN commissioned_at <> '' AND commissioned_utc IS NULL THEN ' commissioned_at_invalid' ELSE '' END
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
