-- Which rules the rejects of each load broke, and how many records broke each combination. load_id 0 stands for every load.
SELECT
    load_id,
    reasons,
    count(*) AS records
FROM reject_states
WHERE :load_id IN (0, load_id) AND (state = 'open' OR :with_closed)
GROUP BY load_id, reasons
ORDER BY load_id, reasons
