-- Whom the connections of this process, which share its name, wait for.
-- Twin: a server knows its sessions; of SQLite's only the operating system knows.
SELECT DISTINCT
    blocker.pid,
    blocker.application_name,
    host(blocker.client_addr) AS client,
    blocker.state
FROM pg_stat_activity AS waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
INNER JOIN pg_stat_activity AS blocker ON blocking.pid = blocker.pid
WHERE
    waiting.datname = current_database()
    AND waiting.application_name = current_setting('application_name')
    AND waiting.wait_event_type = 'Lock'
ORDER BY blocker.pid
