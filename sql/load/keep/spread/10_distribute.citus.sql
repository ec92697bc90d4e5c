-- What a merge keeps lies where the rows lie that it is compared with, so that none of them goes through the coordinator. Only of
-- datasets whose merges are seen at once: what is derived of others is put together there.
SELECT
    create_distributed_table(
        quote_ident(:kept), column_to_column_name(logicalrelid, partkey), colocate_with => quote_ident(:stored_name)
    ) AS spread
FROM pg_dist_partition
WHERE
    logicalrelid = to_regclass(quote_ident(:stored_name))
    AND partmethod = 'h'
    AND EXISTS (SELECT 1 FROM dataset_merges WHERE dataset_merges.dataset = :dataset)
