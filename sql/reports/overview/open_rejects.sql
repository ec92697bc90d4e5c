-- Open rejects of each load: which rules they broke, and when the load came.
SELECT
    states.dataset,
    states.source,
    states.reasons,
    states.load_id,
    min(epoch_seconds(loads.registered_at)) AS registered,
    count(*) AS records
FROM reject_states AS states
INNER JOIN loads ON states.load_id = loads.load_id
WHERE states.state = 'open'
GROUP BY states.dataset, states.source, states.reasons, states.load_id
