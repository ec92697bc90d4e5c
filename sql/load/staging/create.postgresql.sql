-- The staging area of one load: good records, typed and normalised, with the table's own columns and constraints. Unlogged,
-- because it can be made again from the file; without keys, because building an index once costs a third of maintaining it;
-- unvacuumed, because dropping it would wait for the vacuum to be cancelled.
CREATE UNLOGGED TABLE :"staged" (LIKE :"table" INCLUDING CONSTRAINTS) WITH (autovacuum_enabled = FALSE)
