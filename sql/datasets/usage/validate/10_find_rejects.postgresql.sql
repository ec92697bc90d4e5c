-- The contract of a bill. Returns the records that break it, each with the names of all the rules it breaks.
-- Each rule is one column here: true where the field keeps it. The columns are tested first (most records keep them all), the
-- names are put together only for those that do not.
-- Looks at each date once, however many bills it has: PostgreSQL cannot try a cast, and taking a date apart costs more than all
-- other rules together.
-- Twin: SQLite has no regular expressions, and a registered function for them would be called for each field of each record;
-- GLOB is built in.
WITH written AS MATERIALIZED (
    SELECT DISTINCT bill_date FROM :"landed"
),

dates AS (
    SELECT
        bill_date,
        CASE
            WHEN bill_date ~ '^[0-9]{2}/[0-9]{2}/[0-9]{4}$'
                THEN concat_ws('-', substr(bill_date, 7, 4), substr(bill_date, 4, 2), substr(bill_date, 1, 2))
            WHEN bill_date ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN bill_date
        END AS iso_date
    FROM written
),

true_dates AS MATERIALIZED (
    SELECT
        bill_date,
        iso_date < '1900-01-01' AS is_too_old,
        iso_date > (current_date + 366)::text AS is_in_future
    FROM dates
    WHERE
        CASE
            WHEN substr(iso_date, 1, 4) = '0000' OR substr(iso_date, 6, 2) NOT BETWEEN '01' AND '12' THEN FALSE
            ELSE substr(iso_date, 9, 2)::integer BETWEEN 1 AND extract(
                DAY FROM (substr(iso_date, 1, 8) || '01')::date + interval '1 month' - interval '1 day'
            )
        END
),

rules AS (
    SELECT
        line_in_chunk,
        fault,
        bill_date,
        bill_id,
        currency,
        customer_name,
        product1_revenue,
        product2_revenue,
        bill_date IN (SELECT true_dates.bill_date FROM true_dates) AS date_is_true,
        bill_date NOT IN (SELECT true_dates.bill_date FROM true_dates WHERE true_dates.is_too_old) AS date_is_recent,
        bill_date NOT IN (SELECT true_dates.bill_date FROM true_dates WHERE true_dates.is_in_future)
        -- amounts of zero take back a bill of a wrong day
        OR btrim(product1_revenue || product2_revenue, '0.') = '' AS date_has_come,
        bill_id <> '' AND bill_id !~ '[^0-9]' AS id_is_whole,
        upper(currency COLLATE "C") IN (SELECT currencies.code FROM currencies) AS currency_is_known,
        customer_name <> '' AS name_is_there,
        product1_revenue <> '' AND product1_revenue <> '.' AND product1_revenue !~ '[^0-9.]'
        AND product1_revenue NOT LIKE '%.%.%' AS amount1_is_plain,
        product2_revenue <> '' AND product2_revenue <> '.' AND product2_revenue !~ '[^0-9.]'
        AND product2_revenue NOT LIKE '%.%.%' AS amount2_is_plain,
        greatest(length(bill_id), length(product1_revenue), length(product2_revenue)) < 15
        AND length(customer_name) <= 1000 AS all_short,
        length(ltrim(bill_id, '0')) < 19 AS id_fits,
        length(customer_name) <= 1000 AS name_fits,
        length(ltrim(split_part(product1_revenue, '.', 1), '0')) < 15 AND length(product1_revenue) <= 1000 AS amount1_fits,
        length(ltrim(split_part(product2_revenue, '.', 1), '0')) < 15 AND length(product2_revenue) <= 1000 AS amount2_fits
    FROM :"landed"
)

SELECT
    line_in_chunk,
    CASE
        WHEN fault LIKE '%_fields' OR fault LIKE '%_quote' THEN fault
        ELSE concat_ws(
            ' ',
            nullif(fault, ''),
            CASE
                WHEN bill_date = '' THEN 'bill_date_missing'
                WHEN NOT date_is_true THEN 'bill_date_invalid'
                WHEN NOT date_is_recent THEN 'bill_date_too_old'
                WHEN NOT date_has_come THEN 'bill_date_in_future'
            END,
            CASE
                WHEN bill_id = '' THEN 'bill_id_missing'
                WHEN NOT id_is_whole THEN 'bill_id_invalid'
                WHEN NOT id_fits THEN 'bill_id_too_large'
            END,
            CASE
                WHEN currency = '' THEN 'currency_missing'
                WHEN NOT currency_is_known THEN 'currency_unknown'
            END,
            CASE
                WHEN NOT name_is_there THEN 'customer_name_missing'
                WHEN NOT name_fits THEN 'customer_name_too_long'
            END,
            CASE
                WHEN product1_revenue = '' THEN 'product1_revenue_missing'
                WHEN product1_revenue ~ '^-[0-9.]*[0-9][0-9.]*$' THEN 'product1_revenue_negative'
                WHEN NOT amount1_is_plain THEN 'product1_revenue_invalid'
                WHEN NOT amount1_fits THEN 'product1_revenue_too_large'
            END,
            CASE
                WHEN product2_revenue = '' THEN 'product2_revenue_missing'
                WHEN product2_revenue ~ '^-[0-9.]*[0-9][0-9.]*$' THEN 'product2_revenue_negative'
                WHEN NOT amount2_is_plain THEN 'product2_revenue_invalid'
                WHEN NOT amount2_fits THEN 'product2_revenue_too_large'
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
