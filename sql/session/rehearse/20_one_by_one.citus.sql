-- Citus works on the shards of a table by several connections, and refuses a later statement of the transaction that would need
-- what two of them wrote. A rehearsal does in one transaction what a load does in many: so by one connection a node.
-- noqa: disable=PRS
SET LOCAL citus.multi_shard_modify_mode = 'sequential'
