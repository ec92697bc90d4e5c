-- How many rows of a load are accounted for.
SELECT coalesce(sum(records), 0) AS records FROM load_days WHERE load_id = :load_id
