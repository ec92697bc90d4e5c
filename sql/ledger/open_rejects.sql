-- The loads before one, of its dataset, that have open rejects, the newest first, and how many. Those that are held may yet be
-- published.
SELECT
    load_id,
    header,
    rejected - closed AS open_rejects
FROM (
    SELECT
        loads.load_id,
        loads.header,
        loads.rejected,
        (
            SELECT count(*)
            FROM reject_closings
            WHERE reject_closings.load_id = loads.load_id AND reject_closings.state <> 'retried'
        ) AS closed
    FROM loads
    WHERE
        loads.dataset = :dataset
        AND loads.load_id < :load_id
        AND loads.status IN ('held', 'published')
        AND loads.rejected > 0
) AS counted
WHERE rejected > closed
ORDER BY load_id DESC
