-- only: placed
-- What one reads: the rows of loads that are published. Those of others lie in the table already, and are left out by the ledger:
-- so a load is seen whole, from the moment that its row of the ledger says so.
/*:create_view*/ /*:table*/ AS -- noqa: PRS
SELECT
    /*:names*/
    load_id,
    line_no
FROM /*:stored*/
WHERE
    load_id NOT IN (
        SELECT loads.load_id
        FROM loads
        WHERE loads.dataset = '/*:dataset*/' AND loads.status IN ('staging', 'staged', 'held')
    )
