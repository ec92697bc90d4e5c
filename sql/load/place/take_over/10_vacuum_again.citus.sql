-- A staged month was not vacuumed; a partition is. Nor had it a key, by which rows are found when a shard moves.
-- Twin: only rows of a cluster move, and each change of a table is told to all of its shards.
ALTER TABLE :"month" RESET (autovacuum_enabled), REPLICA IDENTITY DEFAULT
