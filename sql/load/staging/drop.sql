-- The load is published or discarded: its staging table goes.
DROP TABLE IF EXISTS :"staged"
