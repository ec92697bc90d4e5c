-- The nodes of the cluster: whether each answers and takes part, and which versions it runs.
WITH answers AS (
    SELECT
        nodeid,
        success,
        CASE WHEN success THEN cast(result AS json) END AS told
    FROM run_command_on_all_nodes('
        SELECT json_build_object(
            ''library'', split_part(citus_version(), '' '', 2),
            ''extension'', (SELECT extversion FROM pg_extension WHERE extname = ''citus''),
            ''postgresql'', split_part(current_setting(''server_version''), '' '', 1)
        )
    ')
),

nodes AS (
    SELECT
        node.nodename,
        node.nodeport,
        node.groupid,
        node.isactive,
        coalesce(answers.success, FALSE) AS answered,
        answers.told ->> 'library' AS library,
        answers.told ->> 'extension' AS extension,
        answers.told ->> 'postgresql' AS postgresql,
        min(answers.told ->> 'library') OVER () <> max(answers.told ->> 'library') OVER () AS differ
    FROM pg_dist_node AS node
    LEFT JOIN answers ON node.nodeid = answers.nodeid
),

told AS (
    SELECT
        *,
        CASE
            WHEN NOT isactive THEN 'off'
            WHEN NOT answered THEN 'away'
            WHEN extension NOT LIKE substring(library FROM '^\d+\.\d+') || '-%' THEN 'unfit'
            WHEN differ THEN 'differ'
            ELSE ''
        END AS trouble
    FROM nodes
)

SELECT
    'nodes' AS about,
    CASE trouble WHEN '' THEN 'ok' WHEN 'differ' THEN 'warning' ELSE 'wrong' END AS state,
    concat(CASE groupid WHEN 0 THEN 'coordinator ' ELSE 'worker ' END, nodename, ':', nodeport) || CASE trouble
        WHEN 'off' THEN ' is switched off.'
        WHEN 'away' THEN ' does not answer the coordinator.'
        ELSE concat(': Citus ', library, ', its extension ', extension, ', PostgreSQL ', postgresql)
    END AS says,
    CASE trouble
        WHEN 'off' THEN format('In the database: SELECT citus_activate_node(%L, %s)', nodename, nodeport)
        WHEN 'away' THEN 'Start it, or look at the network between the two.'
        WHEN 'unfit' THEN 'In the database, on that node: ALTER EXTENSION citus UPDATE'
        WHEN 'differ' THEN 'Install the same version of Citus on every node.'
        ELSE ''
    END AS todo
FROM told
ORDER BY groupid, nodename, nodeport
