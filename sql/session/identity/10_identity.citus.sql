-- When this node was started.
SELECT cast(extract(EPOCH FROM pg_postmaster_start_time()) AS text) AS started
