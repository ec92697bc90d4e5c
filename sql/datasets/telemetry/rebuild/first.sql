-- Where rebuilding begins: before every inverter, and every moment.
SELECT
    '' AS after_inverter_id,
    add_days('0001-01-01', 0) AS after_time
