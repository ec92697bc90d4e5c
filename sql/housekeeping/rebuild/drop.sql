-- A batch is done: what it left goes.
DROP TABLE IF EXISTS :"table"
