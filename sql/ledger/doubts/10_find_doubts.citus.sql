-- The nodes that have yet to commit what the node that began it, whichever that is, has committed, each with that transaction;
-- or that do not say, without one.
WITH answers AS MATERIALIZED (
    SELECT
        nodeid,
        success,
        CASE WHEN success THEN result END AS gids
    FROM run_command_on_all_nodes(
        'SELECT coalesce(string_agg(gid, '' ''), '''') FROM pg_prepared_xacts WHERE database = current_database()'
    )
),

prepared AS (
    SELECT string_agg(gids, ' ') AS gids
    FROM answers
    WHERE gids <> ''
),

-- Who began one keeps it as long as a node has yet to commit it.
known AS MATERIALIZED (
    SELECT
        told.nodeid,
        told.success,
        CASE WHEN told.success THEN told.result END AS gids
    FROM prepared
    CROSS JOIN
        LATERAL run_command_on_all_nodes(format(
            'SELECT coalesce(string_agg(gid, '' ''), '''') FROM pg_dist_transaction WHERE gid = ANY(string_to_array(%L, '' ''))',
            prepared.gids
        )) AS told
    WHERE prepared.gids IS NOT NULL
)

SELECT
    doubt.gid,
    nodes.nodename || ':' || nodes.nodeport AS node
FROM pg_dist_node AS nodes
LEFT JOIN answers ON nodes.nodeid = answers.nodeid
LEFT JOIN known AS same ON nodes.nodeid = same.nodeid
LEFT JOIN LATERAL (
    SELECT unnest(string_to_array(answers.gids, ' '))
    INTERSECT
    SELECT unnest(string_to_array(known.gids, ' ')) FROM known
) AS doubt (gid) ON TRUE
WHERE NOT coalesce(answers.success, FALSE) OR NOT coalesce(same.success, TRUE) OR doubt.gid IS NOT NULL
