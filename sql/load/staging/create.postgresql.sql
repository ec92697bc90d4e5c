-- The staging table of one load: good records, typed and normalised, with the table's own columns and constraints. Unlogged,
-- because it can be made again from the file; without keys, because building an index once costs a third of maintaining it;
-- unvacuumed, because dropping it would wait for the vacuum to be cancelled.
-- Twin: PostgreSQL makes a table LIKE another, without a log; SQLite has no LIKE, and needs a key to number lines.
CREATE UNLOGGED TABLE :"staged" (LIKE :"table" INCLUDING CONSTRAINTS) WITH (autovacuum_enabled = FALSE)
