-- All is asked.
DROP TABLE repeated
