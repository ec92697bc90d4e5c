-- A number for a load that is taken back, far from those of others: drawing it locks nothing.
SELECT max(numbers.load_id) + 1 AS load_id
FROM (
    SELECT load_id FROM loads
    UNION ALL
    SELECT last_load_id + 1000000 FROM load_sequence
) AS numbers
