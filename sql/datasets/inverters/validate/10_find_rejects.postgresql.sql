-- The contract of an inverter. Returns the records that break it, each with the names of all the rules it breaks.
-- Twin: SQLite has no regular expressions, and a registered function for them would be called for each field of each record;
-- GLOB is built in.
WITH validated AS (
    SELECT
        line_in_chunk,
        CASE
            WHEN fault LIKE '%\_fields' OR fault LIKE '%\_quote' THEN fault
            ELSE concat_ws(
                ' ',
                nullif(fault, ''),
                CASE
                    WHEN inverter_id = '' THEN 'inverter_id_missing'
                    WHEN length(inverter_id) > 200 THEN 'inverter_id_too_long'
                    WHEN inverter_id = '�' THEN 'inverter_id_invalid'
                END,
                CASE
                    WHEN plant_id = '' THEN 'plant_id_missing'
                    WHEN plant_id NOT IN (SELECT plants.plant_id FROM plants) THEN 'plant_unknown'
                END,
                CASE WHEN length(vendor) > 1000 THEN 'vendor_too_long' END,
                CASE WHEN length(model) > 1000 THEN 'model_too_long' END,
                CASE
                    WHEN capacity_kw = '' THEN 'capacity_kw_missing'
                    WHEN length(capacity_kw) > 40 OR capacity_kw !~ '^-?([0-9]+[.]?[0-9]*|[.][0-9]+)$' THEN 'capacity_kw_invalid'
                    WHEN capacity_kw::double precision <= 0 THEN 'capacity_kw_not_positive'
                    -- 100 MW: ten times the largest there are
                    WHEN capacity_kw::double precision > 100000 THEN 'capacity_kw_impossible'
                END,
                CASE
                    WHEN
                        commissioned_at <> '' AND utc_time(
                            commissioned_at || CASE WHEN length(commissioned_at) <= 10 THEN 'T00:00:00Z' ELSE '' END
                        ) IS NULL
                        THEN 'commissioned_at_invalid'
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
