-- Rows that are deleted or changed while a shard moves to another node are found there by all of their columns: it has no key.
ALTER TABLE :"staged" REPLICA IDENTITY FULL
