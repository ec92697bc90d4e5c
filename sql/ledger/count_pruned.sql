-- How many rows of history were pruned that a load had brought, or had replaced.
SELECT cast(coalesce(sum(records), 0) AS bigint) AS records
FROM pruned_history
WHERE load_id = :load_id OR replaced_by_load_id = :load_id
