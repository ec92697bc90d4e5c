-- How many rows of a load are accounted for, from a day until before another.
SELECT coalesce(sum(records), 0) AS records
FROM load_days
WHERE load_id = :load_id AND day >= cast(:first_day AS text) AND day < cast(:next_day AS text)
