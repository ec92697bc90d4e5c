-- A load that is staged by months is logged, as a part of the stored table has to be: making it so afterwards costs more than the
-- staging.
ALTER TABLE :"staged" SET LOGGED
