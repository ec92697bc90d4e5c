-- The merge of a dataset that is written, and that nobody sees yet: whoever wrote it is about to show it, or was killed. Or whose
-- rows that it took away are there still.
SELECT
    dataset,
    load_id,
    becomes,
    written AS merge_no,
    table_name || '_seen' AS seen,
    table_name || '_stored' AS stored,
    coalesce(took_away <= written, FALSE) AS takes_away
FROM dataset_merges
WHERE dataset = :dataset AND (load_id IS NOT NULL OR took_away <= written)
