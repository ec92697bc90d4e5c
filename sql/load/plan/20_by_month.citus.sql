-- On the other nodes, too, months are compared each by itself. Citus hands on what SET sets, one setting a statement.
SET LOCAL enable_partitionwise_join = on
