-- How many rows a table lacks that the ledger says its loads inserted, and nobody knows to be gone.
SELECT
    cast(coalesce((
        SELECT sum(loads.inserted - loads.removed)
        FROM loads
        WHERE loads.dataset = :dataset AND loads.status IN ('published', 'reverted')
    ), 0) AS bigint)
    + cast(coalesce((
        SELECT sum(reconciliations.difference)
        FROM reconciliations
        WHERE reconciliations.table_name = :table_name
    ), 0) AS bigint)
    - (SELECT count(*) FROM :"table") AS records
