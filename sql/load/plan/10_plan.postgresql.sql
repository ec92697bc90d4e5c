-- How the comparing that follows is planned, by settings for this transaction. Staged months are compared with the table's own,
-- each by itself, on all cores; most rows turn out equal, which the planner cannot know; and hashing sees that one side is empty
-- before it touches the other, where merging sorts both.
SELECT
    set_config('enable_partitionwise_join', 'on', TRUE) AS by_month,
    set_config('enable_partitionwise_aggregate', 'on', TRUE) AS also_by_month,
    set_config('parallel_tuple_cost', '0', TRUE) AS few_rows,
    set_config('enable_mergejoin', 'off', TRUE) AS by_hash,
    set_config('enable_hashjoin', 'on', TRUE) AS also_by_hash
