-- Nodes that do not answer the coordinator: who waits for one of them waits until it does, or its connection ends.
SELECT
    node.nodename,
    node.nodeport
FROM pg_dist_node AS node
LEFT JOIN run_command_on_all_nodes('SELECT 1') AS answers ON node.nodeid = answers.nodeid
WHERE node.isactive AND NOT coalesce(answers.success, FALSE)
ORDER BY node.nodename, node.nodeport
