-- Statements that may have been planned before a partition was attached, and have no snapshot yet: they must not see its load
-- published. A statement takes its snapshot right after its plan, so one that has run for a second is not in question, however
-- long it goes on. Since when those of other roles run we may not be allowed to see.
SELECT DISTINCT
    pg_locks.pid,
    pg_stat_activity.query_start
FROM pg_locks
INNER JOIN pg_stat_activity ON pg_locks.pid = pg_stat_activity.pid
WHERE
    pg_locks.relation = to_regclass(quote_ident(:stored_name))
    AND pg_locks.mode = 'AccessShareLock'
    AND pg_locks.pid <> pg_backend_pid()
    AND coalesce(pg_stat_activity.state, 'active') = 'active'
    AND coalesce(pg_stat_activity.query_start, clock_timestamp()) > clock_timestamp() - interval '1 second'
