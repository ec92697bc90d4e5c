-- A temporary table has served.
DROP TABLE IF EXISTS :"table"
