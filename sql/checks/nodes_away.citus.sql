-- title: Nodes that are away
-- severity: critical
-- do: Start the node, or repair the network between it and the coordinator
-- runbook: nodes_away
-- A node of the cluster does not answer the coordinator, or is switched off. What it keeps can be neither read nor changed: loads
-- try again for some 10 seconds, then end with 69, and other checks are unknown.
SELECT
    node.nodename AS node,
    node.nodeport AS port,
    CASE WHEN node.isactive THEN coalesce(answers.result, 'is not asked') ELSE 'is switched off' END AS says
FROM pg_dist_node AS node
LEFT JOIN run_command_on_all_nodes('SELECT 1') AS answers ON node.nodeid = answers.nodeid
WHERE NOT (node.isactive AND coalesce(answers.success, FALSE))
ORDER BY node.nodename, node.nodeport
