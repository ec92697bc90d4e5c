-- A staged month was not vacuumed; a partition is.
ALTER TABLE :"month" RESET (autovacuum_enabled)
