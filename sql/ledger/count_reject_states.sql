-- How many rejects of a load are in each state; of those that were retried only that is known. load_id 0 stands for every load.
SELECT
    state,
    count(*) AS records
FROM reject_states
WHERE :load_id IN (0, load_id)
GROUP BY state
UNION ALL
SELECT
    state,
    count(*) AS records
FROM reject_closings
WHERE :load_id IN (0, load_id) AND state = 'retried'
GROUP BY state
