-- The table of one staged month: with the month as a constraint, so that attaching it where it will stay needs no look at its
-- rows.
CREATE TABLE :"month" (
    LIKE :"table" INCLUDING CONSTRAINTS,
    CONSTRAINT only_its_month CHECK (:"partition_by" >= :'first_day' AND :"partition_by" < :'next_day')
) WITH (autovacuum_enabled = FALSE)
