-- Good records, normalised.
-- count: staged
-- Amounts become text with exactly 8 places. Nearly all come without leading zeros and with at most 8 places, and only need
-- zeros appended. The others are rounded half away from zero in whole numbers: round1 and round2 are the fraction in units of
-- 0.00000001, read from its first nine digits; it may carry into the part before the point.
-- Twin: PostgreSQL casts to dates and decimals. SQLite has neither, and a registered function for them would be called for
-- each bill.
INSERT INTO :"staged" (
    load_id, line_no, bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue
)
SELECT
    :load_id,
    :first_line + line_in_chunk - 1,
    CASE
        WHEN substr(bill_date, 3, 1) = '/'
            THEN substr(bill_date, 7, 4) || '-' || substr(bill_date, 4, 2) || '-' || substr(bill_date, 1, 2)
        ELSE bill_date
    END,
    cast(bill_id AS integer),
    customer_name,
    upper(currency),
    CASE
        WHEN product1_revenue < '1' OR length(product1_revenue) - instr(product1_revenue || '.', '.') > 8
            THEN printf('%d.%08d', cast(product1_revenue AS integer) + round1 / 100000000, round1 % 100000000)
        WHEN instr(product1_revenue, '.') = 0 THEN product1_revenue || '.00000000'
        ELSE product1_revenue || substr('00000000', length(product1_revenue) - instr(product1_revenue, '.') + 1)
    END,
    CASE
        WHEN product2_revenue < '1' OR length(product2_revenue) - instr(product2_revenue || '.', '.') > 8
            THEN printf('%d.%08d', cast(product2_revenue AS integer) + round2 / 100000000, round2 % 100000000)
        WHEN instr(product2_revenue, '.') = 0 THEN product2_revenue || '.00000000'
        ELSE product2_revenue || substr('00000000', length(product2_revenue) - instr(product2_revenue, '.') + 1)
    END
FROM (
    SELECT
        *,
        (
            cast(substr(substr(product1_revenue, instr(product1_revenue || '.', '.') + 1) || '000000000', 1, 9) AS integer) + 5
        ) / 10 AS round1,
        (
            cast(substr(substr(product2_revenue, instr(product2_revenue || '.', '.') + 1) || '000000000', 1, 9) AS integer) + 5
        ) / 10 AS round2
    FROM :"landed"
) AS landed
WHERE
    :first_line + line_in_chunk - 1 NOT IN (
        SELECT rejects.line_no
        FROM rejects
        WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
    )
