-- title: Staging areas without an open load
-- severity: warning
-- do: Is no instance of another version at work? Then drop the table
-- runbook: staging_left_behind
-- A load that is published or discarded takes its staging area with it. These tables belong to no open load: they only take
-- room. Left by a restored backup, or made by hand.

-- SQLite has no information_schema.
WITH tables AS (
    SELECT name AS table_name
    FROM sqlite_master
    WHERE type = 'table'
)

SELECT
    tables.table_name,
    loads.load_id,
    loads.status
FROM tables
INNER JOIN datasets
    ON
        (
            tables.table_name GLOB 'staged_' || datasets.dataset || '_[0-9]*'
            AND substr(tables.table_name, length('staged_' || datasets.dataset || '_') + 1) NOT GLOB '*[^0-9]*'
        )
        OR tables.table_name = 'raw_' || datasets.dataset
LEFT JOIN loads
    ON datasets.dataset = loads.dataset AND tables.table_name = 'staged_' || loads.dataset || '_' || loads.load_id
WHERE loads.status IS NULL OR loads.status NOT IN ('staging', 'staged', 'held')
ORDER BY tables.table_name
