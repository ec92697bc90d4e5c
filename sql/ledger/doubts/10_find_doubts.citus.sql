-- The nodes that have yet to commit what the coordinator has committed, or do not say so.
SELECT nodes.nodename || ':' || nodes.nodeport AS node
FROM
    run_command_on_all_nodes(
        'SELECT coalesce(string_agg(gid, '' ''), '''') FROM pg_prepared_xacts WHERE database = current_database()'
    ) AS prepared
INNER JOIN pg_dist_node AS nodes ON prepared.nodeid = nodes.nodeid
WHERE
    NOT prepared.success
    OR EXISTS (
        SELECT 1
        FROM pg_dist_transaction AS known
        WHERE known.gid = ANY(string_to_array(prepared.result, ' ')) -- noqa: CP03
    )
