-- A staged month was not vacuumed; a partition is.
-- Twin: on one machine nobody is told how its rows are found, for no shard of it moves.
ALTER TABLE :"month" RESET (autovacuum_enabled)
