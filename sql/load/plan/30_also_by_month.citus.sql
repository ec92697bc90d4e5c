-- And what is counted.
SET LOCAL enable_partitionwise_aggregate = on
