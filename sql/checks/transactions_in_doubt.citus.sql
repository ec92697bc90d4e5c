-- title: Transactions that a crash left half done
-- severity: critical
-- do: Are all nodes there? Then SELECT recover_prepared_transactions() on every node, and look why nobody did
-- runbook: transactions_in_doubt
-- :seconds = 60: how long a node may wait to be told whether to commit
-- A node has prepared a transaction and was not told how it ended. Until then its rows are locked: loads of that dataset try
-- again for some 10 seconds, then end with 69, and who reads telemetry is refused. Citus ends such transactions by itself, every
-- citus.recover_2pc_interval: each node those that it began.
SELECT
    node.nodename AS node,
    node.nodeport AS port,
    doubtful.gid,
    doubtful.since
FROM run_command_on_all_nodes('
    SELECT coalesce(json_agg(json_build_object(''gid'', gid, ''since'', prepared)), ''[]'')
    FROM pg_prepared_xacts
    WHERE database = current_database() AND gid LIKE ''citus\_%''
') AS answers
INNER JOIN pg_dist_node AS node ON answers.nodeid = node.nodeid
CROSS JOIN
    LATERAL json_to_recordset(CASE WHEN answers.success THEN cast(answers.result AS json) END)
        AS doubtful (gid text, since timestamptz)
WHERE doubtful.since < clock_timestamp() - :seconds * interval '1 second' -- noqa: RF02
ORDER BY doubtful.since, doubtful.gid
