-- Good records, typed: casts read both date forms of the contract (session/10_day_first), numeric rounds half away from zero.
-- count: staged
-- Twin: PostgreSQL casts to dates and decimals. SQLite has neither, and a registered function for them would be called for
-- each bill.
WITH staged AS (
    INSERT INTO :"staged" (
        load_id, line_no, bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue
    )
    SELECT
        :load_id,
        :first_line + line_in_chunk - 1,
        bill_date::date,
        bill_id::bigint,
        customer_name,
        upper(currency COLLATE "C"),
        product1_revenue::numeric(23, 8),
        product2_revenue::numeric(23, 8)
    FROM :"landed"
    WHERE
        :first_line + line_in_chunk - 1 NOT IN (
            SELECT rejects.line_no
            FROM rejects
            WHERE rejects.load_id = :load_id AND rejects.line_no BETWEEN :first_line AND :last_line
        )
    RETURNING 1
)

SELECT count(*) AS records FROM staged
