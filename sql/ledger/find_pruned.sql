-- Which loads' rows a load had replaced, whose old versions were pruned: they cannot stand again.
SELECT
    pruned_history.load_id,
    loads.source,
    pruned_history.records
FROM pruned_history
INNER JOIN loads ON pruned_history.load_id = loads.load_id
WHERE pruned_history.replaced_by_load_id = :load_id AND pruned_history.load_id <> :load_id
ORDER BY pruned_history.load_id
