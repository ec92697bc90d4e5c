-- The nodes that keep rows, and when each was started, by which it is known again: the name that a node has here may be another
-- machine's where we are.
SELECT
    node.nodename AS host,
    node.nodeport AS port,
    answers.result AS started
FROM run_command_on_workers('SELECT extract(epoch FROM pg_postmaster_start_time())') AS answers
INNER JOIN pg_dist_node AS node ON answers.nodename = node.nodename AND answers.nodeport = node.nodeport
WHERE answers.success AND node.shouldhaveshards
ORDER BY node.nodeid
