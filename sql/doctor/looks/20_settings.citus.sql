-- Settings of each node that a cluster needs otherwise than PostgreSQL has them, and what happens where they are not.
WITH answers AS (
    SELECT
        nodeid,
        cast(result AS json) AS told
    FROM run_command_on_all_nodes('
        SELECT json_build_object(
            ''prepared'', current_setting(''max_prepared_transactions''),
            ''connections'', current_setting(''max_connections''),
            ''workers'', current_setting(''max_worker_processes''),
            ''parallel'', current_setting(''max_parallel_workers''),
            ''databases'', (SELECT count(*) FROM pg_database WHERE datallowconn AND NOT datistemplate),
            ''recover'', (SELECT setting FROM pg_settings WHERE name = ''citus.recover_2pc_interval''),
            ''wal'', current_setting(''wal_level''),
            ''local'', current_setting(''citus.enable_local_execution'')
        )
    ')
    WHERE success
),

nodes AS (
    SELECT
        concat(node.nodename, ':', node.nodeport) AS name,
        node.groupid,
        cast(answers.told ->> 'prepared' AS integer) AS prepared,
        cast(answers.told ->> 'connections' AS integer) AS connections,
        cast(answers.told ->> 'workers' AS integer) AS workers,
        cast(answers.told ->> 'parallel' AS integer) + cast(answers.told ->> 'databases' AS integer) AS wanted_workers,
        cast(answers.told ->> 'recover' AS integer) AS recover_ms,
        answers.told ->> 'wal' AS wal,
        answers.told ->> 'local' AS by_itself,
        -- of tables that every node has: numbers that readers go by, and registries
        (
            SELECT count(*)
            FROM pg_dist_partition
            WHERE
                pg_dist_partition.partmethod = 'n' AND pg_dist_partition.repmodel = 't'
                AND NOT EXISTS (
                    SELECT 1
                    FROM pg_dist_shard
                    INNER JOIN pg_dist_placement ON pg_dist_shard.shardid = pg_dist_placement.shardid
                    WHERE
                        pg_dist_shard.logicalrelid = pg_dist_partition.logicalrelid
                        AND pg_dist_placement.groupid = node.groupid
                )
        ) AS lacks
    FROM pg_dist_node AS node
    INNER JOIN answers ON node.nodeid = answers.nodeid
),

findings AS (
    SELECT
        groupid,
        name,
        'wrong' AS state,
        'max_prepared_transactions is 0, so nothing that two nodes store can be committed.' AS says,
        format('Set it to max_connections or more (%s), and restart the node.', connections) AS todo
    FROM nodes
    WHERE prepared = 0
    UNION ALL
    SELECT
        groupid,
        name,
        'warning' AS state,
        format('max_prepared_transactions is %s, and there may be %s connections.', prepared, connections) AS says,
        'Set it to max_connections or more, and restart the node.' AS todo
    FROM nodes
    WHERE prepared > 0 AND prepared < connections
    UNION ALL
    SELECT
        groupid,
        name,
        'warning' AS state,
        format(
            'max_worker_processes is %s; parallel queries, and the process that Citus has in each database, may need %s.',
            workers,
            wanted_workers
        ) AS says,
        'Raise it, and restart the node: without that process nobody ends the transactions of a node that crashed.' AS todo
    FROM nodes
    WHERE workers < wanted_workers
    UNION ALL
    SELECT
        groupid,
        name,
        'wrong' AS state,
        'citus.recover_2pc_interval is -1: transactions of a node that crashed are never ended.' AS says,
        'Set it to 2s, and reload the node.' AS todo
    FROM nodes
    WHERE recover_ms < 0
    UNION ALL
    SELECT
        groupid,
        name,
        'warning' AS state,
        format('citus.recover_2pc_interval is %s ms: so long a crash leaves transactions half done.', recover_ms) AS says,
        'Set it to 2s, and reload the node.' AS todo
    FROM nodes
    WHERE recover_ms > 10000
    UNION ALL
    SELECT
        groupid,
        name,
        'warning' AS state,
        format('wal_level is %s: a shard cannot be moved while rows are loaded into it.', wal) AS says,
        'Set it to logical, and restart the node, before you add nodes.' AS todo
    FROM nodes
    WHERE wal <> 'logical' AND groupid > 0
    UNION ALL
    SELECT
        groupid,
        name,
        'wrong' AS state,
        'citus.enable_local_execution is off: who reads merged rows there is refused.' AS says,
        'Set it to on, and reload the node.' AS todo
    FROM nodes
    WHERE by_itself = 'off'
    UNION ALL
    SELECT
        groupid,
        name,
        'wrong' AS state,
        format('%s tables that every node has are not there: who reads merged rows there is refused.', lacks) AS says,
        'In the database: SELECT replicate_reference_tables()' AS todo
    FROM nodes
    WHERE lacks > 0
)

SELECT
    'nodes' AS about,
    state,
    concat(name, ': ', says) AS says,
    todo
FROM findings
UNION ALL
SELECT
    'nodes' AS about,
    'ok' AS state,
    format('what %s nodes are told fits a cluster', count(*)) AS says,
    '' AS todo
FROM nodes
WHERE NOT EXISTS (SELECT 1 FROM findings)
HAVING count(*) > 0
ORDER BY says
