-- The staging table of one load.
-- Twin: it is logged, for a crash of one node would empty an unlogged table in part.
CREATE TABLE :"staged" (LIKE :"table" INCLUDING CONSTRAINTS) WITH (autovacuum_enabled = FALSE)
