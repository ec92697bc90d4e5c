-- The staging area of one load: good records, typed and normalised, with the table's own columns and constraints, so that it can
-- become a part of the table. Without keys, because building an index once costs a third of maintaining it; unvacuumed, because
-- dropping it would wait for the vacuum to be cancelled. Logged, which costs the copy next to nothing, and survives a crash.
CREATE TABLE :"staged" (LIKE :"table" INCLUDING CONSTRAINTS) WITH (autovacuum_enabled = FALSE)
