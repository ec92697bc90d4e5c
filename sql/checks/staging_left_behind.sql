-- title: Staging tables without an open load
-- severity: warning
-- do: Is no instance of another version at work? Then drop the table
-- runbook: staging_left_behind
-- A load that is published or discarded takes its staging table with it. These tables belong to no open load: they only take
-- room. Left by a restored backup, or made by hand.
SELECT
    tables.table_name,
    loads.load_id,
    loads.status
FROM our_tables() AS tables
INNER JOIN datasets
    ON
        tables.table_name = 'raw_' || datasets.dataset -- of an early version
        OR (
            is_digits(substr(tables.table_name, length('staged__' || datasets.dataset) + 1))
            AND tables.table_name
            = 'staged_' || datasets.dataset || '_' || substr(tables.table_name, length('staged__' || datasets.dataset) + 1)
        )
LEFT JOIN loads
    ON datasets.dataset = loads.dataset AND tables.table_name = 'staged_' || loads.dataset || '_' || loads.load_id
WHERE loads.status IS NULL OR loads.status NOT IN ('staging', 'staged', 'held')
ORDER BY tables.table_name
