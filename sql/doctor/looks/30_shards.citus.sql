-- How the rows lie on the nodes: whether there is a shard for each, and whether one has much more to keep than the others.
-- Sizes are those that the last VACUUM or ANALYZE found, which waits for no lock.
WITH answers AS (
    SELECT
        nodeid,
        cast(result AS json) AS told
    FROM run_command_on_all_nodes('
        SELECT json_build_object(''shards'', count(*), ''pages'', coalesce(sum(pg_class.relpages), 0))
        FROM pg_dist_shard
        INNER JOIN pg_dist_partition ON pg_dist_shard.logicalrelid = pg_dist_partition.logicalrelid
        INNER JOIN pg_class ON pg_class.oid = to_regclass(shard_name(pg_dist_shard.logicalrelid, pg_dist_shard.shardid))
        WHERE pg_dist_partition.partmethod = ''h''
    ')
    WHERE success
),

nodes AS (
    SELECT
        concat(node.nodename, ':', node.nodeport) AS name,
        cast(answers.told ->> 'shards' AS bigint) AS shards,
        cast(answers.told ->> 'pages' AS bigint) / 128 AS mb,
        avg(cast(answers.told ->> 'pages' AS bigint) / 128) OVER () AS mean_mb
    FROM pg_dist_node AS node
    INNER JOIN answers ON node.nodeid = answers.nodeid
    WHERE node.shouldhaveshards AND node.isactive
),

spread AS (
    SELECT min(shards) AS shards
    FROM (
        SELECT count(*) AS shards
        FROM pg_dist_shard
        INNER JOIN pg_dist_partition ON pg_dist_shard.logicalrelid = pg_dist_partition.logicalrelid
        WHERE pg_dist_partition.partmethod = 'h'
        GROUP BY pg_dist_shard.logicalrelid
    ) AS tables
)

SELECT
    'shards' AS about,
    CASE WHEN spread.shards < count(*) THEN 'warning' ELSE 'ok' END AS state,
    format('%s shards a table on %s nodes that keep rows', spread.shards, count(*)) AS says,
    CASE
        WHEN spread.shards < count(*)
            THEN 'Stop loads; SELECT alter_distributed_table(…, shard_count => …, cascade_to_colocated => true)'
        ELSE ''
    END AS todo
FROM nodes
CROSS JOIN spread
WHERE spread.shards IS NOT NULL
GROUP BY spread.shards
UNION ALL
SELECT
    'shards' AS about,
    'warning' AS state,
    format('%s keeps %s MB in %s shards, and a node %s MB on average.', name, mb, shards, round(mean_mb)) AS says,
    'In the database: SELECT citus_rebalance_start()' AS todo
FROM nodes
WHERE mean_mb > 100 AND (mb > 1.5 * mean_mb OR mb < 0.5 * mean_mb)
ORDER BY says
