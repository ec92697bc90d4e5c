-- Looks at a new session: how it is set where we may not set it. If it is ours alone, and not lent by a pooler (which tells us
-- another process), it gets what only a session can have: room for temporary tables, and time also between transactions, and
-- in one that failed, which has lost its own settings.
-- Twin: what a session can be set to has nothing in common on the two.
SELECT
    current_setting('search_path') AS search_path,
    current_setting('session_replication_role') AS session_replication_role,
    current_setting('ignore_checksum_failure') AS ignore_checksum_failure,
    current_setting('zero_damaged_pages') AS zero_damaged_pages,
    CASE
        WHEN pg_backend_pid() = :pid
            THEN
                set_config('temp_buffers', '32MB', FALSE)
                || set_config('idle_session_timeout', '0', FALSE)
                || set_config('idle_in_transaction_session_timeout', '15min', FALSE)
    END AS ours
