-- A bill lies a year ahead at most; but amounts of zero take back a bill of a wrong day, whatever that was.
-- fast_path: kept by the patterns
SELECT
    line_in_chunk,
    CASE
        WHEN
            bill_date > add_days(current_date, 366)
            AND NOT (
                coalesce(is_nothing(product1_revenue), NOT product1_revenue_given)
                AND coalesce(is_nothing(product2_revenue), NOT product2_revenue_given)
            )
            THEN 'bill_date_in_future'
    END AS bill_date
FROM :"validated"
