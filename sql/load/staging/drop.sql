-- The load is published or discarded: its staging area goes.
DROP TABLE IF EXISTS :"staged"
