-- The contract of a bill. Returns the records that break it, each with the names of all the rules it breaks.
-- Each rule is one column here: true where the field keeps it. The columns are tested first (most records keep them all), the
-- names are put together only for those that do not.
-- date() gives back the text it was given only if that is a true date: with '+0 days' it makes 3 March of 31 February.
-- Twin: SQLite has no regular expressions, and a registered function for them would be called for each field of each record;
-- GLOB is built in.
WITH rules AS (
    SELECT
        line_in_chunk,
        fault,
        bill_date,
        bill_id,
        currency,
        customer_name,
        product1_revenue,
        product2_revenue,
        CASE
            WHEN substr(bill_date, 3, 1) <> '/' THEN date(bill_date, '+0 days') IS bill_date AND bill_date >= '0001'
            WHEN bill_date GLOB '[0-9][0-9]/[0-9][0-9]/[0-9][0-9][0-9][0-9]'
                THEN
                    date(
                        substr(bill_date, 7, 4) || '-' || substr(bill_date, 4, 2) || '-' || substr(bill_date, 1, 2), '+0 days'
                    )
                    IS substr(bill_date, 7, 4) || '-' || substr(bill_date, 4, 2) || '-' || substr(bill_date, 1, 2)
                    AND substr(bill_date, 7, 4) >= '0001'
            ELSE FALSE
        END AS date_is_true,
        CASE WHEN substr(bill_date, 3, 1) <> '/' THEN bill_date ELSE substr(bill_date, 7, 4) END >= '1900' AS date_is_recent,
        CASE
            WHEN substr(bill_date, 3, 1) <> '/' THEN bill_date
            ELSE substr(bill_date, 7, 4) || '-' || substr(bill_date, 4, 2) || '-' || substr(bill_date, 1, 2)
        END <= date('now', '+366 days')
        -- amounts of zero take back a bill of a wrong day
        OR trim(product1_revenue || product2_revenue, '0.') = '' AS date_has_come,
        bill_id <> '' AND bill_id NOT GLOB '*[^0-9]*' AS id_is_whole,
        upper(currency) IN (SELECT currencies.code FROM currencies) AS currency_is_known,
        customer_name <> '' AS name_is_there,
        product1_revenue NOT IN ('', '.') AND product1_revenue NOT GLOB '*[^0-9.]*'
        AND product1_revenue NOT GLOB '*.*.*' AS amount1_is_plain,
        product2_revenue NOT IN ('', '.') AND product2_revenue NOT GLOB '*[^0-9.]*'
        AND product2_revenue NOT GLOB '*.*.*' AS amount2_is_plain,
        max(length(bill_id), length(product1_revenue), length(product2_revenue)) < 15
        AND length(customer_name) <= 1000 AS all_short,
        length(ltrim(bill_id, '0')) < 19 AS id_fits,
        length(customer_name) <= 1000 AS name_fits,
        instr(ltrim(product1_revenue, '0') || '.', '.') < 16 AND length(product1_revenue) <= 1000 AS amount1_fits,
        instr(ltrim(product2_revenue, '0') || '.', '.') < 16 AND length(product2_revenue) <= 1000 AS amount2_fits
    FROM :"landed"
)

SELECT
    line_in_chunk,
    CASE
        WHEN fault LIKE '%_fields' OR fault LIKE '%_quote' THEN fault
        ELSE trim(
            fault
            || CASE
                WHEN bill_date = '' THEN ' bill_date_missing'
                WHEN NOT date_is_true THEN ' bill_date_invalid'
                WHEN NOT date_is_recent THEN ' bill_date_too_old'
                WHEN NOT date_has_come THEN ' bill_date_in_future'
                ELSE ''
            END
            || CASE
                WHEN bill_id = '' THEN ' bill_id_missing'
                WHEN NOT id_is_whole THEN ' bill_id_invalid'
                WHEN NOT id_fits THEN ' bill_id_too_large'
                ELSE ''
            END
            || CASE
                WHEN currency = '' THEN ' currency_missing'
                WHEN NOT currency_is_known THEN ' currency_unknown'
                ELSE ''
            END
            || CASE
                WHEN NOT name_is_there THEN ' customer_name_missing'
                WHEN NOT name_fits THEN ' customer_name_too_long'
                ELSE ''
            END
            || CASE
                WHEN product1_revenue = '' THEN ' product1_revenue_missing'
                WHEN product1_revenue GLOB '-*[0-9]*' AND substr(product1_revenue, 2) NOT GLOB '*[^0-9.]*'
                    THEN ' product1_revenue_negative'
                WHEN NOT amount1_is_plain THEN ' product1_revenue_invalid'
                WHEN NOT amount1_fits THEN ' product1_revenue_too_large'
                ELSE ''
            END
            || CASE
                WHEN product2_revenue = '' THEN ' product2_revenue_missing'
                WHEN product2_revenue GLOB '-*[0-9]*' AND substr(product2_revenue, 2) NOT GLOB '*[^0-9.]*'
                    THEN ' product2_revenue_negative'
                WHEN NOT amount2_is_plain THEN ' product2_revenue_invalid'
                WHEN NOT amount2_fits THEN ' product2_revenue_too_large'
                ELSE ''
            END
        )
    END AS reasons
FROM rules
WHERE
    NOT (
        fault = ''
        AND date_is_true
        AND date_is_recent
        AND date_has_come
        AND id_is_whole
        AND currency_is_known
        AND name_is_there
        AND amount1_is_plain
        AND amount2_is_plain
        AND (all_short OR (id_fits AND name_fits AND amount1_fits AND amount2_fits))
    )
ORDER BY line_in_chunk
