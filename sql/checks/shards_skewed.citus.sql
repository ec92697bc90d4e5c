-- title: Shards that are much larger than the others of their table
-- severity: warning
-- do: Give the shard a node for itself, or spread the table by something that has more values
-- runbook: shards_skewed
-- :times = 4: how many times the table's average shard is too large
-- :megabytes = 10000: how large a shard may be, however small the others are
-- One node does the work of several: it is the first whose disk is full, and all wait for it. Sizes are those that the last
-- VACUUM or ANALYZE found, without indexes.
WITH shards AS (
    SELECT
        concat(node.nodename, ':', node.nodeport) AS node,
        shard.table_name,
        shard.first_hash,
        shard.mb
    FROM run_command_on_all_nodes('
        SELECT coalesce(json_agg(row_to_json(sizes)), ''[]'')
        FROM (
            SELECT
                coalesce(pg_partition_root(pg_dist_shard.logicalrelid), pg_dist_shard.logicalrelid) AS table_name,
                pg_dist_shard.shardminvalue AS first_hash,
                sum(pg_class.relpages) / 128 AS mb
            FROM pg_dist_shard
            INNER JOIN pg_dist_partition ON pg_dist_shard.logicalrelid = pg_dist_partition.logicalrelid
            INNER JOIN pg_class ON pg_class.oid = to_regclass(shard_name(pg_dist_shard.logicalrelid, pg_dist_shard.shardid))
            WHERE pg_dist_partition.partmethod = ''h''
            GROUP BY 1, 2
        ) AS sizes
    ') AS answers
    INNER JOIN pg_dist_node AS node ON answers.nodeid = node.nodeid
    CROSS JOIN
        LATERAL json_to_recordset(CASE WHEN answers.success THEN cast(answers.result AS json) END)
            AS shard (table_name text, first_hash text, mb bigint)
),

compared AS (
    SELECT
        *,
        avg(mb) OVER (PARTITION BY table_name) AS mean_mb
    FROM shards
)

SELECT
    table_name,
    first_hash,
    node,
    mb,
    cast(mean_mb AS bigint) AS mean_mb
FROM compared
WHERE mb > :megabytes AND mb > :times * mean_mb
ORDER BY mb DESC, table_name ASC, first_hash ASC
