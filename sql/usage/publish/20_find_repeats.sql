-- The same bill twice in one file: the last line wins. A line that equals a later one is its duplicate; one with other values
-- is superseded.
INSERT INTO verdicts (line_no, bucket, replay)
WITH keys AS (
    SELECT
        bill_date,
        bill_id
    FROM :"staged"
    GROUP BY bill_date, bill_id
    HAVING count(*) > 1
)

SELECT
    line_no,
    CASE WHEN nth_equal > 1 THEN 'duplicate' ELSE 'superseded' END,
    FALSE
FROM (
    SELECT
        line_no,
        row_number() OVER (PARTITION BY bill_date, bill_id ORDER BY line_no DESC) AS nth_last,
        row_number() OVER (
            PARTITION BY bill_date, bill_id, customer_name, currency, product1_revenue, product2_revenue
            ORDER BY line_no DESC
        ) AS nth_equal
    FROM :"staged"
    WHERE (bill_date, bill_id) IN (SELECT * FROM keys) -- noqa: RF02
) AS repeats
WHERE nth_last > 1
