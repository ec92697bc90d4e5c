-- Whom the connections of this process, which share its name, wait for, and whether that is one of ours. One that waits for its
-- client in the middle of a statement is stuck; if its client is merely slow, it moves. What has not moved for long is ended, as
-- no time-out of the server does: COPY waits for its client as long as that lives. What it loses can be run again.
-- Twin: a server knows its sessions; of SQLite's only the operating system knows.
WITH blockers AS (
    SELECT DISTINCT
        blocker.pid,
        blocker.application_name,
        host(blocker.client_addr) AS client,
        blocker.state,
        split_part(blocker.application_name, ' ', 1) = split_part(current_setting('application_name'), ' ', 1) AS is_ours,
        CASE
            WHEN blocker.state = 'active' AND blocker.wait_event_type = 'Client'
                THEN concat_ws(' ', blocker.pid, blocker.backend_start, blocker.query_start, copying.bytes_processed)
        END AS stuck_at
    FROM pg_stat_activity AS waiting
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
    INNER JOIN pg_stat_activity AS blocker ON blocking.pid = blocker.pid
    LEFT JOIN pg_stat_progress_copy AS copying ON blocker.pid = copying.pid
    WHERE
        waiting.datname = current_database()
        AND waiting.application_name = current_setting('application_name')
        AND waiting.wait_event_type = 'Lock'
)

SELECT
    *,
    CASE WHEN is_ours AND array_position(:frozen, stuck_at) > 0 THEN pg_terminate_backend(pid) END AS ended
FROM blockers
ORDER BY pid
