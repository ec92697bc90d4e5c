-- Records on the fast path go straight to where they are staged, normalised on the way: dates as year, month, day; eight places
-- of amounts.
-- repeats: ON CONFLICT DO NOTHING RETURNING line_no
-- That is put at its end where records meet stored keys: which of them are left out can be told then.
-- Twin: PostgreSQL has COPY, whose types read dates and amounts; SQLite inserts, and takes both apart itself.
INSERT INTO :"table" (
    line_no, load_id, bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue
)
WITH landed (:"columns") AS (
    VALUES :rows
)

SELECT
    line_no,
    load_id,
    CASE
        WHEN substr(bill_date, 3, 1) = '/'
            THEN substr(bill_date, 7, 4) || '-' || substr(bill_date, 4, 2) || '-' || substr(bill_date, 1, 2)
        ELSE bill_date
    END,
    cast(bill_id AS integer),
    customer_name,
    currency,
    CASE
        WHEN substr(product1_revenue, -9, 1) = '.' THEN product1_revenue
        WHEN instr(product1_revenue, '.') = 0 THEN product1_revenue || '.00000000'
        ELSE product1_revenue || substr('00000000', length(product1_revenue) - instr(product1_revenue, '.') + 1)
    END,
    CASE
        WHEN substr(product2_revenue, -9, 1) = '.' THEN product2_revenue
        WHEN instr(product2_revenue, '.') = 0 THEN product2_revenue || '.00000000'
        ELSE product2_revenue || substr('00000000', length(product2_revenue) - instr(product2_revenue, '.') + 1)
    END
FROM landed
-- without a condition SQLite would take ON CONFLICT for that of a join
WHERE TRUE
