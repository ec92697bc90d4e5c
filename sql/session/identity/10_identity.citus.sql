-- When this node was started.
SELECT cast(extract(epoch FROM pg_postmaster_start_time()) AS text) AS started
